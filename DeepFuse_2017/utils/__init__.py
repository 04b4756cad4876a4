"""Exposures, the MEF-SSIM loss, training and fusing of DeepFuse."""
