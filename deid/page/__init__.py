"""The engine in the site's browser: what a worker of the page asks of it, under Pyodide as anywhere else."""
