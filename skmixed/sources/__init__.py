"""Where rows come from: tables in memory, files, engines and clusters."""
