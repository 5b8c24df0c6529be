"""Compiles the codec's quick way; without a C compiler the package is all Python."""

import shlex
import subprocess
import sysconfig
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

SOURCES = ("schemas/native.c", "schemas/runs.c", "schemas/sha256.c")
OPTIONS = (
    *("-O2", "-fPIC", "-fvisibility=hidden"),
    *("-Wall", "-Wextra", "-Wno-unused-parameter"),
)


class NativeCodec(BuildHookInterface[Any]):
    """Its wheel is for one Python and machine if it was compiled, for any if not."""

    PLUGIN_NAME = "custom"

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:  # noqa: ARG002
        """Compile beside the source: an editable install takes it from there."""
        compiled = f"schemas/_native{sysconfig.get_config_var('EXT_SUFFIX')}"
        if self._compile(Path(self.root, compiled)):
            build_data["pure_python"] = False
            build_data["infer_tag"] = True
            build_data["artifacts"].append(compiled)

    def _compile(self, target: Path) -> bool:
        linker: str = sysconfig.get_config_var("LDSHARED") or "cc -shared"
        include = sysconfig.get_path("include")
        command = [*shlex.split(linker), *OPTIONS, f"-I{include}", *SOURCES, "-o", str(target)]
        try:
            subprocess.run(command, cwd=self.root, check=True, capture_output=True, text=True)
        except (OSError, subprocess.CalledProcessError) as error:
            target.unlink(missing_ok=True)
            why = error.stderr if isinstance(error, subprocess.CalledProcessError) else str(error)
            self.app.display_warning(f"{' and '.join(SOURCES)} were not compiled:\n{why}")
            return False
        return True
