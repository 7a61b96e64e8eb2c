"""Package list: the models and hwconfigs of the checkout travel inside the package's own namespace."""

from setuptools import find_packages, setup

setup(
    packages=[
        *find_packages(include=["accelsim", "accelsim.*"]),
        "accelsim._shipped.models",
        "accelsim._shipped.models.activity",
        "accelsim._shipped.models.published",
        "accelsim._shipped.models.weights",
        "accelsim._shipped.hwconfigs",
        "accelsim._shipped.hwconfigs.ablations",
        "accelsim._shipped.hwconfigs.sweeps",
    ],
    package_dir={
        "accelsim._shipped.models": "models",
        "accelsim._shipped.hwconfigs": "hwconfigs",
    },
    package_data={
        "": ["*.yaml", "*.json", "*.csv", "*.safetensors"],
        "accelsim.hw": ["tables/*.yaml"],
        "accelsim.evaluate": ["published/*", "published/hardware/*"],
        "accelsim.report": ["page/*.j2", "page/*.css", "page/*.js"],
    },
)
