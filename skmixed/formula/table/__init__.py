"""A formula on a table: from columns to arrays."""
