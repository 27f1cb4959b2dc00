"""`sizer`: which size of language model you need, what size a model really is, what it costs."""

__version__ = "0.1.0"

__all__ = ["__version__"]
