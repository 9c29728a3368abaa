"""The root of every error Rebond raises on purpose.

Each room names its own errors after what they mean, beside the code that raises them,
and derives them from :class:`RebondError`. The doors (``api``) turn any of them into one
sentence for a person: exit status 1, or an HTTP status chosen by type. No caller ever
looks at the text.
"""


class RebondError(Exception):
    """Something was refused; the message says the value, what was expected, and the remedy."""
