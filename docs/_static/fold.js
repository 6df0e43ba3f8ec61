// tutorials show their code when it is asked for
document.addEventListener("DOMContentLoaded", () => {
  if (!location.pathname.includes("/tutorials_built/plot_lecture")) return;
  document.querySelectorAll("div.highlight-Python").forEach((code) => {
    const folded = document.createElement("details");
    folded.append(Object.assign(document.createElement("summary"), { textContent: "code" }));
    code.replaceWith(folded);
    folded.append(code);
  });
});
