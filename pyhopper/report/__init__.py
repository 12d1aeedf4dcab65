"""A report of one or several searches: one HTML file that opens without a server or a network.

``page.html``, ``page.css`` and ``page.js`` in the folder ``data`` are put together with Apache
ECharts, which draws the plots and lies beside them as it was released, and with what
:mod:`pyhopper.report.build` knows of the searches.
"""

from pyhopper.report.page import write

__all__ = ["write"]
