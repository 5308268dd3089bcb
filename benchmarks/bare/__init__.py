"""The loop that someone writes by hand in an afternoon: plan, call a tool, repeat. No database, no rules, no record."""
