from __future__ import annotations

import pytest
import torch

from deepchem_density.models.magnitude_bins import CHUNK, MagnitudeBins


def moved(n_channels: int, n_bins: int) -> MagnitudeBins:
    """Bins off their even spacing, in double precision."""
    random = torch.Generator().manual_seed(0)
    bins = MagnitudeBins(n_channels, n_bins).double()
    with torch.no_grad():
        for parameter in bins.parameters():
            parameter += 0.1 * torch.randn(parameter.shape, generator=random)
    return bins


def field(*shape: int) -> torch.Tensor:
    return 3 * torch.randn(*shape, generator=torch.Generator().manual_seed(1), dtype=torch.float64)


def by_formula(bins: MagnitudeBins, scaled: torch.Tensor) -> torch.Tensor:
    magnitudes = torch.asinh(scaled).repeat_interleave(bins.n_bins, dim=1)
    shape = (1, -1, 1, 1, 1)
    return torch.exp(-0.5 * (bins.sharpness.view(shape) * (magnitudes - bins.centers.view(shape))) ** 2)


def test_bins_tell_magnitudes_apart():
    bins = MagnitudeBins(2, 5)
    given = torch.sinh(bins.centers.detach().reshape(2, 5)[:, 3])
    spread = bins(given.reshape(1, 2, 1, 1, 1)).reshape(2, 5)
    expected = torch.exp(-0.5 * (torch.arange(5.0) - 3) ** 2)
    torch.testing.assert_close(spread, expected.repeat(2, 1), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("shape", [(2, 3, 4, 5, 6), (1, 1, 1, 1, CHUNK + 7)])
def test_values_and_derivatives_are_those_of_the_formula(shape):
    bins, given = moved(shape[1], 5), field(*shape).requires_grad_()
    weights = field(shape[0], shape[1] * 5, *shape[2:])
    for asked in (given, given.detach()):
        torch.testing.assert_close(bins(asked), by_formula(bins, given), rtol=1e-12, atol=1e-12)
    derivatives = torch.autograd.grad((bins(given) * weights).sum(), given)
    expected = torch.autograd.grad((by_formula(bins, given) * weights).sum(), given)
    torch.testing.assert_close(derivatives, expected, rtol=1e-9, atol=1e-9)


def test_derivatives_are_those_of_differences():
    bins = moved(2, 3)
    given = field(1, 2, 2, 2, 2).requires_grad_()
    assert torch.autograd.gradcheck(bins, (given,))


def test_small_and_large_magnitudes_keep_their_sign_and_precision():
    values = torch.tensor([0.0, 1e-6, -1e-6, 1e-3, -0.5, 3e4, -3e4])
    bins = MagnitudeBins(1, 4)
    torch.testing.assert_close(
        bins(values.view(1, 1, 1, 1, -1)).double(),
        by_formula(bins.double(), values.double().view(1, 1, 1, 1, -1)),
        rtol=1e-5,
        atol=1e-6,
    )


def test_bins_are_bfloat16_where_the_convolution_behind_them_is():
    bins, given = MagnitudeBins(1, 8), field(2, 1, 4, 4, 4).float()
    with torch.autocast("cpu", torch.bfloat16):
        low = bins(given)
    assert low.dtype == torch.bfloat16
    torch.testing.assert_close(low.float(), bins(given), rtol=0, atol=2**-8)


def test_the_fast_layout_is_kept():
    given = field(2, 4, 4, 4, 1).float().permute(0, 4, 1, 2, 3)
    assert MagnitudeBins(1, 8)(given).is_contiguous(memory_format=torch.channels_last_3d)


def test_chosen_channels_are_binned_and_the_others_follow_as_they_are():
    torch.manual_seed(0)
    fields = torch.randn(2, 3, 4, 4, 4, dtype=torch.float64)
    some, all_of_two = MagnitudeBins(3, 4, (0, 2)).double(), MagnitudeBins(2, 4).double()
    assert some.n_outputs == 9
    out = some(fields)
    torch.testing.assert_close(out[:, :8], all_of_two(fields[:, [0, 2]]))
    torch.testing.assert_close(out[:, 8], fields[:, 1])


def test_the_derivatives_with_some_channels_binned_are_right():
    torch.manual_seed(0)
    fields = torch.randn(1, 3, 2, 2, 2, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(MagnitudeBins(3, 3, (1, 2)).double(), (fields,))


@pytest.mark.parametrize("binned", [(), (0, 0), (3,), (-1,)])
def test_channels_that_are_none_are_refused(binned):
    with pytest.raises(ValueError, match="different channels from 0 to 2 are accepted"):
        MagnitudeBins(3, 4, binned)


def test_nothing_is_learned_and_stored_models_find_what_they_learned():
    bins = MagnitudeBins(2, 3)
    assert not any(parameter.requires_grad for parameter in bins.parameters())
    assert {name: value.shape for name, value in bins.state_dict().items()} == {"centers": (6,), "sharpness": (6,)}
