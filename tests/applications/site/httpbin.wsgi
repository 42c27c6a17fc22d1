import logging

logging.getLogger("httpbin").setLevel(logging.ERROR)        # it warns of what is not installed
from httpbin import app as application  # noqa: E402, F401
