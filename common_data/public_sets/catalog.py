"""The sets that `prepare.py` knows."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

SPLITS = Path(__file__).resolve().parents[1] / "splits"
IMAGES = frozenset({".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff"})


class DataError(Exception):
    """A set is missing or incomplete, or files on the disk contradict it."""


@dataclass(frozen=True)
class Archive:
    """A file to download.

    Attributes:
        url: Its address.
        gib: Size of its contents, GiB, rounded up.
        sha256: Its checksum, or None if the publisher states none.
    """

    url: str
    gib: float
    sha256: str | None = None

    @property
    def name(self) -> str:
        """Return a file name that differs between projects."""
        parts = self.url.split("/")
        return f"{parts[4]}-{parts[-1]}" if "/archive/" in self.url else parts[-1]


@dataclass(frozen=True)
class DataSet:
    """A public set.

    Attributes:
        name: Its name in `prepare.py`.
        kind: `pairs` (ir, vis), `exposures` or `focus` (a folder per scene) or `photos`.
        about: Its contents in one line.
        archive: What to download, if it has a plain address.
        steps: What to do by hand otherwise.
        labels: True if pairs have label maps.
        total: Number of pairs, scenes or photographs of the whole set, checked where no
            split list is committed.
        counts: Lengths of the set's own lists, by split, where none is committed. A set without
            lists has a folder per split.
        size: Width and height of all its images, if they have one size.
    """

    name: str
    kind: Literal["pairs", "exposures", "focus", "photos"]
    about: str
    archive: Archive | None = None
    steps: str = ""
    labels: bool = False
    total: int | None = None
    counts: dict[str, int] = field(default_factory=dict)
    size: tuple[int, int] | None = None

    def splits(self, root: Path) -> dict[str, list[str]]:
        """Return the committed lists by split, else the lists that came with the set."""
        folder = SPLITS / self.name
        lists = sorted(folder.glob("*.txt")) if folder.is_dir() else []
        lists = lists or [root / f"{split}.txt" for split in self.counts]
        return {path.stem: read_list(path) for path in lists if path.is_file()}


def read_list(path: Path) -> list[str]:
    """Return the names in a split list, one per line."""
    return [line.strip() for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]


_TNO = """\
TNO has no single archive with a lasting plain address.
The numbers in splits/tno/test.txt are those of the 42 pairs that are handed out with L. Tang's
evaluation code. Get these:
1. Download the repository Linfeng-Tang/Image-Fusion from GitHub.
2. Run: python common_data/prepare.py tno --source \
   "Image-Fusion-main/General Evaluation Metric/Image/Source-Image/TNO"
Or take the "TNO Image Fusion Dataset" (A. Toet) from figshare in a browser:
1. Put its pairs into two folders, ir/ and vis/, under their numbers. common_data/README.md has a
   table of which number is which folder of that archive, as far as it is known.
2. Run: python common_data/prepare.py tno --source THAT_FOLDER"""
_MEFB = """\
MEFB is handed out through links that need a browser.
1. Open the repository xingchenzhang/MEFB on GitHub and follow its link to the input images.
2. Unpack them: one folder per scene, with its exposures.
3. Run: python common_data/prepare.py mefb --source THAT_FOLDER"""
_MFNET = """\
MFNet is handed out through a page of the University of Tokyo that needs a browser.
1. Open https://www.mi.t.u-tokyo.ac.jp/static/projects/mil_multispectral/ and download the set.
2. Unpack it: images/ (4-channel PNG), labels/, train.txt, val.txt, test.txt.
3. Run: python common_data/prepare.py mfnet --source THAT_FOLDER"""
_M3FD = """\
M3FD is handed out through links that need a browser.
1. Open the repository JinyuanLiu-CV/TarDAL on GitHub and follow its link to M3FD's files.
2. Unpack M3FD_Detection.zip (4200 pairs, set m3fd) and M3FD_Fusion.zip (300 pairs, set
   m3fd_fusion) into a folder each: Ir/, Vis/. Their images share names, so each is a set.
3. Run: python common_data/prepare.py m3fd --source M3FD_Detection
   and: python common_data/prepare.py m3fd_fusion --source M3FD_Fusion"""
_LLVIP = """\
LLVIP is handed out through a page that needs a browser, for non-commercial purposes.
1. Open https://bupt-ai-cz.github.io/LLVIP/, read its terms and download the set.
2. Unpack it: infrared/{train,test}, visible/{train,test}.
3. Run: python common_data/prepare.py llvip --source THAT_FOLDER"""
_FMB = """\
FMB is handed out through links that need a browser.
1. Open the repository JinyuanLiu-CV/SegMiF on GitHub and follow its link to the FMB dataset.
2. Unpack it: train/ and test/, each with Infrared/, Visible/ and Label/.
3. Run: python common_data/prepare.py fmb --source THAT_FOLDER"""
_LYTRO = """\
The Lytro multi-focus dataset (M. Nejati) is handed out through a page that needs a browser.
1. Open https://mansournejati.ece.iut.ac.ir/content/lytro-multi-focus-dataset and download it.
2. Unpack it: lytro-01-A.jpg, lytro-01-B.jpg, ... ("Triple Series" is left out; give that folder
   with --source, and another one with --output, to fuse its stacks of three).
3. Run: python common_data/prepare.py lytro --source THAT_FOLDER"""
_MFFW = """\
MFFW (S. Xu et al., arXiv 2002.04780) has no lasting plain address that is known here. With a copy:
1. Put its pairs into one folder: MFFW2_01_A.jpg, MFFW2_01_B.jpg, ... (its stacks of three, MFFW3,
   are left out; give their folder with --source, and another one with --output, to fuse them).
2. Run: python common_data/prepare.py mffw --source THAT_FOLDER"""
_MFIFB = """\
MFIFB is handed out through its repository, with 30 methods' results of each pair.
1. Download the repository xingchenzhang/MFIFB from GitHub and unpack it. If it has no folder
   input/ any more, download its commit a3cc510, which has one.
2. Run: python common_data/prepare.py mfifb --source MFIFB-master/input"""

SETS = {
    item.name: item
    for item in (
        DataSet("tno", "pairs", "gray infrared/visible pairs, test only", steps=_TNO),
        DataSet(
            "roadscene",
            "pairs",
            "infrared/visible street scenes",
            Archive("https://github.com/hanna-xu/RoadScene/archive/refs/heads/master.zip", 1),
        ),
        DataSet("mefb", "exposures", "under- and over-exposed pairs", steps=_MEFB),
        DataSet(
            "msrs",
            "pairs",
            "infrared/visible street scenes with labels",
            Archive("https://github.com/Linfeng-Tang/MSRS/archive/refs/heads/main.zip", 4),
            labels=True,
        ),
        DataSet(
            "mfnet",
            "pairs",
            "infrared/visible street scenes with labels of 9 classes",
            steps=_MFNET,
            labels=True,
            total=1569,
            counts={"train": 1568, "val": 392, "test": 393},
        ),
        DataSet("m3fd", "pairs", "infrared/visible scenes, detection", steps=_M3FD, total=4200),
        DataSet("m3fd_fusion", "pairs", "infrared/visible scenes", steps=_M3FD, total=300),
        DataSet(
            "llvip",
            "pairs",
            "infrared/visible pedestrians in low light",
            steps=_LLVIP,
            total=15488,
            counts={"train": 12025, "test": 3463},
            size=(1280, 1024),
        ),
        DataSet(
            "fmb",
            "pairs",
            "infrared/visible scenes with labels of 15 classes",
            steps=_FMB,
            labels=True,
            total=1500,
            counts={"train": 1220, "test": 280},
            size=(800, 600),
        ),
        DataSet("lytro", "focus", "multi-focus pairs", steps=_LYTRO, total=20, size=(520, 520)),
        DataSet("mffw", "focus", "multi-focus pairs, taken freely", steps=_MFFW, total=13),
        DataSet("mfifb", "focus", "multi-focus pairs of several sets", steps=_MFIFB, total=105),
        DataSet(
            "coco",
            "photos",
            "MS-COCO 2014 training photographs, 13 GB",
            Archive("http://images.cocodataset.org/zips/train2014.zip", 14),
            total=82783,
        ),
    )
}
