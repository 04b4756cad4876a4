"""Weights of fuser and segmenter in every published form: recognized, and computing the same."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from models.TransFuser6 import ConvLayer, Join, TransFuser6
from tests.common.test_checkpoint import Trap
from tests.method import near_identity, random_segmenter
from utils.common.checkpoint import save_checkpoint, save_weights
from utils.util_weights import (
    JOINT,
    OURS,
    from_segformer,
    load_fuser,
    load_model,
    load_segmenter,
    part_of,
)
from utils.utils import InputError

State = dict[str, Tensor]
NUMBER = torch.tensor(3)
SEGMENTER = {  # enough to be known by
    "backbone.layers.0.0.projection.weight": torch.zeros(32, 3, 7, 7),
    "decode_head.conv_seg.weight": torch.zeros(9, 256, 1, 1),
}
needs_mmseg = pytest.mark.usefixtures("segmenter_weights")


def with_unused(model: TransFuser6) -> State:
    """Return a network as its authors declare it, with batch norms that are never called."""
    state = dict(model.state_dict())
    for name, layer in model.named_modules():
        if isinstance(layer, ConvLayer | Join) and name != "conv_out":
            norm = nn.BatchNorm2d(layer.conv2d.out_channels)
            state |= {f"{name}.bn.{kind}": value for kind, value in norm.state_dict().items()}
    return state


def prefixed(prefix: str, state: State) -> State:
    return {f"{prefix}.{name}": value for name, value in state.items()}


FORMS: dict[str, tuple[Callable[[TransFuser6], dict], str]] = {
    "bare": (lambda m: m.state_dict(), OURS),
    "of stage 1": (
        lambda m: {"meta": {"iter": 9}, "state_dict": m.state_dict(), "optimizer": {"x": NUMBER}},
        OURS,
    ),
    "the authors' stage 1": (lambda m: {"state_dict": with_unused(m)}, OURS),
    "the authors' bffr.pth": (
        lambda m: {"meta": {}, "state_dict": {**prefixed("fuser", with_unused(m)), **SEGMENTER}},
        JOINT,
    ),
    "of stage 2": (
        lambda m: {"state_dict": {**SEGMENTER, **prefixed("fuser", m.state_dict())}},
        JOINT,
    ),
    "a run's": (lambda m: {"model": m.state_dict(), "next_epoch": 3}, OURS),
}


@torch.no_grad()
def test_every_form_computes_the_same(tmp_path: Path) -> None:
    model = near_identity()
    vis, ir = torch.rand(2, 1, 1, 18, 21)
    expected = model(vis, ir)
    save_weights(tmp_path / "ours.safetensors", model, {"seed": "0"})
    saved = {tmp_path / "ours.safetensors": OURS}
    for number, (wrap, form) in enumerate(FORMS.values()):
        path = tmp_path / f"{number}.pth"
        torch.save(wrap(model), path)
        saved[path] = form
    for path, form in saved.items():
        loaded, found = load_model(path)
        assert found == form
        assert not loaded.training
        assert torch.equal(loaded(vis, ir), expected)


def test_unused_norms_are_named_as_in_the_official_network(reference: Path) -> None:
    golden = torch.load(reference / "golden" / "transfuser6_arch_random.pt", weights_only=True)
    theirs, ours = golden["state_dict"], with_unused(TransFuser6())
    assert {k: v.shape for k, v in ours.items()} == {k: v.shape for k, v in theirs.items()}


def test_a_folder_holds_both_parts(tmp_path: Path) -> None:
    assert part_of(tmp_path, "fuser") == tmp_path / "fuser.safetensors"
    (tmp_path / "segmenter").mkdir()
    assert part_of(tmp_path, "segmenter") == tmp_path / "segmenter"
    assert part_of(tmp_path / "iter_9.pth", "fuser") == tmp_path / "iter_9.pth"


@pytest.mark.parametrize("load", [load_fuser, load_segmenter])
def test_code_in_a_file_is_not_run(tmp_path: Path, load: Callable) -> None:
    path, made = tmp_path / "bffr.pth", tmp_path / "made"
    torch.save({"state_dict": TransFuser6().state_dict(), "meta": {"config": Trap(made)}}, path)
    with pytest.raises(InputError, match=r"bffr\.pth was not loaded.*can run code"):
        load(TransFuser6(), path)
    assert not made.exists()


@pytest.mark.parametrize(
    ("state", "message"),
    [
        ({}, "is not BFFR's: it holds 0 entries"),
        ({"state_dict": {}, "note": "text"}, "is not BFFR's: it holds 0 entries"),
        (nn.Conv2d(1, 16, 1).state_dict(), r"is not BFFR's: it holds 2 entries \(weight, bias, "),
        (SEGMENTER, "is a segmenter, not a fuser: it holds 2 entries"),
        ({"state_dict": SEGMENTER}, r"is a segmenter, not .* \(backbone.layers.0.0.proj"),
        ({"conv1_vi.conv2d.weight": torch.zeros(16, 1, 1, 1)}, "is not BFFR's: it holds 1 entr"),
        ({**TransFuser6().state_dict(), "more": NUMBER}, "is not BFFR's: it holds 347"),
        ({k: v[:1] for k, v in TransFuser6().state_dict().items() if v.ndim}, "is not BFFR's"),
    ],
)
def test_what_is_no_fuser_is_named(tmp_path: Path, state: dict, message: str) -> None:
    save_checkpoint(tmp_path / "w.pth", state)
    model = TransFuser6()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    with pytest.raises(InputError, match=rf"w\.pth {message}"):
        load_fuser(model, tmp_path / "w.pth")
    assert all(torch.equal(before[k], v) for k, v in model.state_dict().items())


def in_authors_layout(backbone: nn.Module) -> State:
    """Return mmsegmentation's MixVisionTransformer under the names of SegFormer's authors."""
    names = {
        "attn.attn.out_proj.": "attn.proj.",
        "ffn.layers.0.": "mlp.fc1.",
        "ffn.layers.1.": "mlp.dwconv.dwconv.",
        "ffn.layers.4.": "mlp.fc2.",
    }
    state = {"head.weight": torch.zeros(1000, 256), "head.bias": torch.zeros(1000)}
    for name, value in backbone.state_dict().items():
        _, scale, part, rest = name.split(".", 3)  # layers.SCALE.PART.REST
        number = int(scale) + 1
        if part == "0":
            state[f"patch_embed{number}.{rest.replace('projection', 'proj')}"] = value
        elif part == "2":
            state[f"norm{number}.{rest}"] = value
        elif "in_proj_" in rest:
            place, kind = rest.split(".attn.attn.in_proj_")
            query, others = value.split([len(value) // 3, 2 * len(value) // 3])
            state[f"block{number}.{place}.attn.q.{kind}"] = query
            state[f"block{number}.{place}.attn.kv.{kind}"] = others
        else:
            for ours, theirs in names.items():
                rest = rest.replace(ours, theirs)
            linear = ".fc" in rest and value.ndim == 4
            state[f"block{number}.{rest}"] = value[..., 0, 0] if linear else value
    return state


BACKBONES: dict[str, Callable[[nn.Module], dict]] = {
    "the authors'": in_authors_layout,
    "the authors' in a checkpoint": lambda b: {"state_dict": in_authors_layout(b)},
    "mmsegmentation's": lambda b: b.state_dict(),
    "with a prefix": lambda b: {"state_dict": prefixed("backbone", b.state_dict())},
    "the authors' with a prefix": lambda b: prefixed("backbone", in_authors_layout(b)),
}


@needs_mmseg
def test_authors_names_of_the_backbone() -> None:
    state = in_authors_layout(random_segmenter().backbone)
    shapes = {  # as mit_b0.pth has them
        "patch_embed1.proj.weight": (32, 3, 7, 7),
        "patch_embed4.norm.bias": (256,),
        "block1.0.norm1.weight": (32,),
        "block2.1.attn.q.weight": (64, 64),
        "block2.1.attn.kv.bias": (128,),
        "block3.0.attn.sr.weight": (160, 160, 2, 2),
        "block1.1.attn.norm.weight": (32,),
        "block4.0.attn.proj.weight": (256, 256),
        "block4.1.mlp.fc1.weight": (1024, 256),
        "block4.1.mlp.dwconv.dwconv.weight": (1024, 1, 3, 3),
        "block4.1.mlp.fc2.bias": (256,),
        "norm3.weight": (160,),
    }
    assert {name: tuple(state[name].shape) for name in shapes} == shapes
    assert not any(name.startswith("layers.") for name in state)
    ours = random_segmenter().backbone.state_dict()
    assert from_segformer(state).keys() == {*ours, "head.weight", "head.bias"}


@needs_mmseg
@torch.no_grad()
def test_backbone_of_every_form_computes_the_same(tmp_path: Path) -> None:
    published = random_segmenter(1)
    image = torch.rand(1, 3, 40, 64)
    expected = published.backbone(image)
    for number, wrap in enumerate(BACKBONES.values()):
        torch.save(wrap(published.backbone), tmp_path / f"{number}.pth")
        model = random_segmenter(2)
        head = {k: v.clone() for k, v in model.decode_head.state_dict().items()}
        assert not torch.allclose(model.backbone(image)[3], expected[3])
        left = load_segmenter(model, tmp_path / f"{number}.pth")
        assert left == list(prefixed("decode_head", head))
        for found, wanted in zip(model.backbone(image), expected, strict=True):
            assert torch.equal(found, wanted)
        assert all(torch.equal(head[k], v) for k, v in model.decode_head.state_dict().items())


@needs_mmseg
def test_mmsegmentations_names_stay_as_they_are() -> None:
    state = random_segmenter().backbone.state_dict()
    assert list(from_segformer(state)) == list(state)


@needs_mmseg
@pytest.mark.parametrize("whole", [False, True])
def test_whole_segmenter(tmp_path: Path, whole: bool) -> None:
    published, model = random_segmenter(1), random_segmenter(2)
    torch.save({"state_dict": published.state_dict()}, tmp_path / "segmenter.pth")
    assert load_segmenter(model, tmp_path / "segmenter.pth", whole) == []
    found = model.state_dict()
    assert all(torch.equal(found[k], v) for k, v in published.state_dict().items())


@needs_mmseg
def test_one_file_with_both_networks(tmp_path: Path) -> None:
    fuser, segmenter = near_identity(), random_segmenter(1)
    state = {**prefixed("fuser", with_unused(fuser)), **segmenter.state_dict()}
    torch.save({"state_dict": state}, tmp_path / "bffr.pth")
    loaded, form = load_model(tmp_path / "bffr.pth")
    assert form == JOINT
    assert torch.equal(loaded.DB1_1.conv2d.weight, fuser.DB1_1.conv2d.weight)
    model = random_segmenter(2)
    assert load_segmenter(model, tmp_path / "bffr.pth", whole=True) == []
    expected = segmenter.decode_head.conv_seg.weight
    assert torch.equal(model.decode_head.conv_seg.weight, expected)


@needs_mmseg
def test_head_for_other_classes_is_left(tmp_path: Path) -> None:
    published, model = random_segmenter(1, classes=11), random_segmenter(2)
    torch.save({"state_dict": published.state_dict()}, tmp_path / "camvid.pth")
    before = model.decode_head.conv_seg.weight.clone()
    last = ["decode_head.conv_seg.weight", "decode_head.conv_seg.bias"]
    with pytest.raises(InputError, match=rf"B0 segmenter for this model, {last[0]} is missing or"):
        load_segmenter(model, tmp_path / "camvid.pth", whole=True)
    assert load_segmenter(model, tmp_path / "camvid.pth") == last
    assert torch.equal(model.decode_head.conv_seg.weight, before)
    found, expected = (m.decode_head.fusion_conv.conv.weight for m in (model, published))
    assert torch.equal(found, expected)


@needs_mmseg
@pytest.mark.parametrize("whole", [False, True])
def test_what_is_no_segmenter_is_named(tmp_path: Path, whole: bool) -> None:
    model = random_segmenter()
    part = "segmenter" if whole else "backbone"
    for state in ({}, nn.Linear(2, 2).state_dict(), TransFuser6().state_dict(), SEGMENTER):
        torch.save(state, tmp_path / "w.pth")
        message = rf"w\.pth does not hold a SegFormer-B0 {part} for this.* holds {len(state)} entr"
        with pytest.raises(InputError, match=message):
            load_segmenter(model, tmp_path / "w.pth", whole)


@needs_mmseg
@pytest.mark.parametrize(
    "part", ["patch_embed3.proj.bias", "block1.0.attn.kv.weight", "norm4.bias"]
)
def test_backbone_that_lacks_a_part_is_named(tmp_path: Path, part: str) -> None:
    model = random_segmenter()
    state = in_authors_layout(model.backbone)
    del state[part]
    torch.save(state, tmp_path / "mit_b0.pth")
    with pytest.raises(InputError, match=r"mit_b0\.pth does not hold a SegFormer-B0 backbone"):
        load_segmenter(model, tmp_path / "mit_b0.pth")


@needs_mmseg
def test_backbone_alone_is_no_whole_segmenter(tmp_path: Path) -> None:
    model = random_segmenter()
    torch.save(in_authors_layout(model.backbone), tmp_path / "mit_b0.pth")
    message = r"mit_b0\.pth does not hold a SegFormer-B0 segmenter.*decode_head\.\S+ is missing"
    with pytest.raises(InputError, match=message):
        load_segmenter(model, tmp_path / "mit_b0.pth", whole=True)
