"""RT-DETR and D-FINE: tiny networks of random weights, saved and loaded as a person's own would."""

from pathlib import Path

import numpy as np
import pytest

from hashtag2action.errors import WeightsError
from hashtag2action.vision.person_detectors import Detr
from hashtag2action.vision.persons import PersonDetector

transformers = pytest.importorskip("transformers", reason="needs the extra [detr]")
SIDE = 64


def _save(folder: Path, family: str, name: str = "person") -> Path:
    import torch

    torch.manual_seed(0)
    sizes = {
        "encoder_hidden_dim": 16, "encoder_ffn_dim": 16, "encoder_attention_heads": 2,
        "d_model": 16, "decoder_attention_heads": 2, "decoder_ffn_dim": 16, "decoder_layers": 2,
        "num_queries": 12, "encoder_in_channels": [16, 24, 32], "num_denoising": 0,
        "decoder_in_channels": [16, 16, 16], "id2label": {0: "bicycle", 1: name},
    }  # fmt: skip
    if family == "rt_detr":
        backbone = transformers.RTDetrResNetConfig(
            embedding_size=8, hidden_sizes=[8, 16, 24, 32], depths=[1, 1, 1, 1],
            layer_type="basic", out_features=["stage2", "stage3", "stage4"],
        )  # fmt: skip
        config = transformers.RTDetrConfig(backbone_config=backbone, **sizes)
        net = transformers.RTDetrForObjectDetection(config)
    else:
        backbone = transformers.HGNetV2Config(
            stem_channels=[3, 8, 8], stage_in_channels=[8, 8, 16, 24],
            stage_mid_channels=[8, 8, 8, 8], stage_out_channels=[8, 16, 24, 32],
            stage_num_blocks=[1, 1, 1, 1], stage_numb_of_layers=[1, 1, 1, 1],
            hidden_sizes=[8, 16, 24, 32], out_features=["stage2", "stage3", "stage4"],
        )  # fmt: skip
        config = transformers.DFineConfig(backbone_config=backbone, **sizes)
        net = transformers.DFineForObjectDetection(config)
    net.save_pretrained(folder)
    return folder


@pytest.fixture(scope="module", params=["rt_detr", "d_fine"])
def detector(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory):
    folder = _save(tmp_path_factory.mktemp(request.param) / "net", request.param)
    return Detr(path=folder, side_px=SIDE).open()


def _frames() -> list[np.ndarray]:
    rng = np.random.default_rng(0)
    sizes = [(50, 70), (90, 40), (1, 1), (64, 64), (33, 200), (50, 70), (80, 80), (70, 50), (9, 9)]
    return [rng.integers(0, 256, (*size, 3), np.uint8) for size in sizes]


def test_answers_have_the_promised_form(detector: PersonDetector) -> None:
    for frame, found in zip(_frames(), detector.detect(_frames()), strict=True):
        assert found.boxes.shape == (len(found.scores), 4)
        assert found.boxes.dtype == found.scores.dtype == np.float32
        assert np.all(np.diff(found.scores) <= 0)
        assert np.all(found.boxes[:, 2:] <= [frame.shape[1], frame.shape[0]])
        assert np.all(found.boxes[:, :2] <= found.boxes[:, 2:])


def test_frames_in_one_batch_get_the_answers_they_get_alone(detector: PersonDetector) -> None:
    together = detector.detect(_frames())
    alone = [detector.detect([frame])[0] for frame in _frames()]
    assert sum(len(found.scores) for found in together) > 0
    for one, other in zip(together, alone, strict=True):
        np.testing.assert_allclose(one.scores, other.scores, atol=1e-5)
        # Random networks give equal scores, whose order is nobody's.
        np.testing.assert_allclose(
            np.sort(one.boxes, axis=0), np.sort(other.boxes, axis=0), atol=1e-2
        )


def test_scores_are_those_of_the_class_person(tmp_path: Path) -> None:
    import torch

    folder = _save(tmp_path / "net", "rt_detr")
    frame = _frames()[0]
    found = Detr(path=folder, side_px=SIDE).open().detect([frame])[0]
    net = transformers.RTDetrForObjectDetection.from_pretrained(folder)
    import cv2

    pixels = torch.from_numpy(cv2.resize(frame, (SIDE, SIDE))).permute(2, 0, 1)[None] / 255
    with torch.inference_mode():
        expected = net(pixel_values=pixels).logits[0, :, 1].sigmoid().numpy()
    expected = np.sort(expected[expected >= 0.1])[::-1]
    np.testing.assert_allclose(found.scores, expected, atol=1e-5)


def test_a_folder_that_is_no_such_detector_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match=r"absent: no config\.json"):
        Detr(path=tmp_path / "absent").open()
    with pytest.raises(WeightsError, match="no class named person"):
        Detr(path=_save(tmp_path / "cars", "rt_detr", "car")).open()
    transformers.ViTConfig().save_pretrained(tmp_path / "vit")
    with pytest.raises(WeightsError, match="is of type vit"):
        Detr(path=tmp_path / "vit").open()
