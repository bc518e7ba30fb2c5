"""Quantisation-aware training: the only package that imports torch.

The network is trained with the numbers it will run on: weights, kernel, beta and
membrane are rounded to their fixed-point formats in the forward pass, and the
gradient passes straight through the rounding. In eval mode the modules compute
exactly the integers of the golden model (`fxp_model.network`).
"""
