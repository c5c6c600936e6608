"""A desk moves to another database: every row of every table, checked on both sides, or nothing."""
