"""What fedicause remembers: tables, and one file of functions a noun. Knows no HTTP and never commits."""
