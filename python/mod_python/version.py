"""The version of the Python half; it must be the one that the C half was built as."""

version = "4.0.0"
"""As text, such as '4.0.0'."""
