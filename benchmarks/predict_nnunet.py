"""Runs in nnU-Net's own environment: its predictor, its preprocessing and export, with a network given to it.

    python predict_nnunet.py '{"images": [[...]], "output": "...", "network": "....pt", ...}'

The network is TorchScript, so that nnU-Net needs neither MONAI nor segmake to run the same weights.
"""

from __future__ import annotations

import json
import sys
from typing import Any

import torch
from nnunetv2.inference.predict_from_raw_data import nnUNetPredictor
from nnunetv2.utilities.plans_handling.plans_handler import PlansManager

RESAMPLING = "resample_data_or_seg_to_shape"


def plans(orders: dict[str, Any]) -> dict[str, Any]:
    """What nnU-Net's planner would have written for this grid and these intensities; axes are z, y, x."""
    kinds = {"data": (False, 3), "seg": (True, 1), "probabilities": (False, 1)}
    resampling = {}
    for name, (is_seg, order) in kinds.items():
        resampling[f"resampling_fn_{name}"] = RESAMPLING
        resampling[f"resampling_fn_{name}_kwargs"] = {
            "is_seg": is_seg,
            "order": order,
            "order_z": 0,
            "force_separate_z": None,
        }
    configuration = {
        "data_identifier": "given",
        "preprocessor_name": "DefaultPreprocessor",
        "batch_size": 2,
        "patch_size": orders["patch"][::-1],
        "spacing": orders["spacing_mm"][::-1],
        "median_image_size_in_voxels": orders["patch"][::-1],
        "normalization_schemes": orders["schemes"],
        "use_mask_for_norm": [False] * len(orders["schemes"]),
        "architecture": {"network_class_name": "given", "arch_kwargs": {}, "_kw_requires_import": []},
        **resampling,
    }
    return {
        "dataset_name": "Dataset999_Given",
        "plans_name": "given",
        "image_reader_writer": "SimpleITKIO",
        "transpose_forward": [0, 1, 2],
        "transpose_backward": [0, 1, 2],
        "configurations": {"3d_fullres": configuration},
        "experiment_planner_used": "none",
        "label_manager": "LabelManager",
        "foreground_intensity_properties_per_channel": orders["intensities"],
    }


def main() -> None:
    """Predict as nnUNetv2_predict does: a process that prepares, one that exports, windows in this one."""
    orders = json.loads(sys.argv[1])
    torch.set_num_threads(orders["threads"])
    predictor = nnUNetPredictor(
        tile_step_size=1 - orders["overlap"],
        use_gaussian=True,
        use_mirroring=False,
        perform_everything_on_device=False,
        device=torch.device("cpu"),
        allow_tqdm=False,
    )
    manager = PlansManager(plans(orders))
    network = torch.jit.load(orders["network"]).eval()
    predictor.manual_initialization(
        network,
        manager,
        manager.get_configuration("3d_fullres"),
        [network.state_dict()],
        {"channel_names": orders["channels"], "labels": orders["labels"], "file_ending": ".nii.gz"},
        "given",
        None,
    )
    predictor.predict_from_files(
        orders["images"],
        [orders["output"].removesuffix(".nii.gz")],
        num_processes_preprocessing=1,
        num_processes_segmentation_export=1,
    )


if __name__ == "__main__":
    main()
