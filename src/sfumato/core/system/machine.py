"""What this machine and this installation offer, in words and numbers: for `sfumato doctor` and for bug reports."""

import importlib.metadata
import importlib.util
import platform
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sfumato import __version__
from sfumato.core.system import devices

LIBRARIES = ("torch", "numpy", "pillow", "opencv-python-headless", "safetensors", "pydantic", "typer", "rich", "matplotlib")
EXTRAS = {  # what `pip install 'sfumato[NAME]'` brings, by the module that shows it is there
    "demo": "skimage",
    "multi": "accelerate",
    "encoders": "timm",
    "text": "tokenizers",
    "sound": "soundfile",
    "track": "tensorboard",
    "fit": "optuna",
    "bulk": "ray",
    "video": "av",
    "heic": "pillow_heif",
    "export": "onnx",
}


@dataclass(frozen=True)
class Fact:
    """One line of what the doctor says."""

    name: str
    value: str


def facts(folder: Path) -> list[Fact]:
    """Versions, device, processors, memory, room on the disk of `folder`, compiler, and which extras are installed."""
    choice = devices.resolve("auto")
    return [
        Fact("sfumato", __version__),
        Fact("python", f"{platform.python_version()} at {sys.executable}"),
        Fact("system", platform.platform()),
        Fact("libraries", ", ".join(f"{name} {_version(name)}" for name in LIBRARIES)),
        Fact("device", choice.why),
        Fact("processors", f"{devices.cores()} usable"),
        Fact("memory", _memory()),
        Fact("disk", f"{shutil.disk_usage(folder).free / 2**30:.1f} GB free under {folder.resolve()}"),
        Fact("compiler", _compiler()),
        Fact("extras", ", ".join(f"{name} {'yes' if _there(module) else 'no'}" for name, module in EXTRAS.items())),
    ]


def versions() -> dict[str, str]:
    """Versions of what a result depends on."""
    return {"sfumato": __version__, "python": platform.python_version(), **{name: _version(name) for name in LIBRARIES[:4]}}


def _version(name: str) -> str:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return "missing"


def _there(module: str) -> bool:
    return importlib.util.find_spec(module) is not None


def _memory() -> str:
    import psutil

    memory: Any = psutil.virtual_memory()
    return f"{memory.available / 2**30:.1f} of {memory.total / 2**30:.1f} GB free"


def _compiler() -> str:
    found = next((name for name in ("c++", "g++", "clang++", "cl") if shutil.which(name)), None)
    return f"{found} (torch.compile can be used)" if found else "none (torch.compile cannot be used on a CPU; everything else can)"
