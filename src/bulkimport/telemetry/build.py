"""Which release this process runs, and on which Python."""

import platform
from collections.abc import Iterator
from importlib.metadata import version

from prometheus_client.metrics_core import GaugeMetricFamily
from prometheus_client.registry import Collector

VERSION = version("bulkimport")
PYTHON = platform.python_version()


class BuildInfo(Collector):
    """The metric whose labels name the release and its Python."""

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """The one metric family."""
        info = GaugeMetricFamily(
            "bulkimport_build_info", "Always 1; the labels are what runs.", labels=("version", "python")
        )
        info.add_metric((VERSION, PYTHON), 1)
        yield info
