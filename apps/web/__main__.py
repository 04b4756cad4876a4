"""Show the page: `python -m apps.web`, in the root of the repository."""

import argparse
import os
import signal
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from apps.web.limits import MAX_FILE_BYTES, MAX_PIXELS

INSTALL = "pip install -r requirements.txt -r apps/web/requirements.txt"


def parse_args(argv: Sequence[str] | None = None) -> argparse.Namespace:
    """Return the settings."""
    parser = argparse.ArgumentParser(
        prog="python -m apps.web",
        description="Show a web page that fuses images with every method.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    parser.add_argument(
        "--host",
        default="127.0.0.1",
        help="address to listen on; 0.0.0.0 lets other machines use the page",
    )
    parser.add_argument("--port", type=int, default=7860, help="port to listen on")
    parser.add_argument(
        "--share",
        action="store_true",
        help="make a public address with Gradio's service, through which all images then go",
    )
    return parser.parse_args(argv)


def main(args: argparse.Namespace) -> None:
    """Show the page until Ctrl-C or SIGTERM; its temporary files end with it.

    Raises:
        ModuleNotFoundError: Gradio or a package of a method is missing.
        OSError: the port is taken.
    """
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))
    with tempfile.TemporaryDirectory(prefix="fusion-web-") as folder:
        tempfile.tempdir = str(Path(folder, "work"))
        Path(tempfile.tempdir).mkdir()
        os.environ["GRADIO_TEMP_DIR"] = str(Path(folder, "served"))
        os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"
        os.environ["HF_HUB_DISABLE_TELEMETRY"] = "1"
        os.environ["OPENCV_IO_MAX_IMAGE_PIXELS"] = str(MAX_PIXELS)  # before cv2 is imported
        from apps.web.methods import find_methods
        from apps.web.page import CSS, THEME, build_page

        methods = find_methods()
        build_page(methods).launch(
            css=CSS,
            theme=THEME,
            server_name=args.host,
            server_port=args.port,
            share=args.share,
            max_file_size=MAX_FILE_BYTES,
            allowed_paths=[str(demo.folder) for method in methods for demo in method.demo],
            footer_links=[],
            run_history=False,
            enable_monitoring=False,
            ssr_mode=False,
        )


if __name__ == "__main__":
    args = parse_args()
    try:
        main(args)
    except ModuleNotFoundError as error:
        sys.exit(f"error: the package {error.name} is missing: {INSTALL}")
    except OSError as error:
        sys.exit(f"error: no page at {args.host}:{args.port} (--host, --port): {error}")
