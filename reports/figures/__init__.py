"""Waterfall and spider, each drawn once: the same drawing goes into the page and into the PDF.

The words in them are English and not translated: a report must be the same bytes whoever builds it again.
"""

from reports.figures import spider, waterfall
from reports.figures.spider import Point, Trace
from reports.figures.svg import to_svg
from reports.figures.waterfall import Bar, percent

__all__ = ["Bar", "Point", "Trace", "percent", "spider", "to_svg", "waterfall"]
