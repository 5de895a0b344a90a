"""Headers of static files: the worker that cleans scans is a program of its own, with a policy of its own."""

from wsgiref.headers import Headers

# It compiles WebAssembly, loads from this site alone, and shows nothing.
WORKER_POLICY = "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; connect-src 'self'"
_WORKER = "/corelab/cleaner."
# Settings of whitenoise. Names with a digest or a version in them never change what they name.
WHITENOISE_IMMUTABLE_FILE_TEST = r"^/browser/|\.[0-9a-f]{12}\.[a-z0-9]+$"


def add_headers(headers: Headers, _path: str, url: str) -> None:
    """Add to the headers of one static file, as whitenoise asks for each."""
    if _WORKER in url:
        headers["Content-Security-Policy"] = WORKER_POLICY


WHITENOISE_ADD_HEADERS_FUNCTION = add_headers
