import shutil

import pytest
import torch
from torch import Tensor, nn

from hashtag2action.models.layers import Block
from hashtag2action.train.parallel import compile_blocks


def outputs(network: nn.Module, tokens: Tensor) -> list[Tensor]:
    network.zero_grad()
    mixed = network(tokens)
    mixed.square().sum().backward()
    gradients = [parameter.grad for parameter in network.parameters()]
    return [mixed.detach(), *(gradient for gradient in gradients if gradient is not None)]


@pytest.mark.filterwarnings("ignore::DeprecationWarning:torch")  # torch's compiler's own
@pytest.mark.skipif(not shutil.which("g++"), reason="torch compiles for a CPU by way of g++")
def test_a_compiled_block_gives_the_numbers_and_gradients_of_an_eager_one() -> None:
    torch.manual_seed(0)
    network, tokens = nn.Sequential(Block(16, 2, 4.0)), torch.randn(2, 9, 16)
    eager = outputs(network, tokens)
    names = list(network.state_dict())
    compile_blocks(network)
    torch._dynamo.reset()
    torch._dynamo.utils.counters.clear()
    compiled = outputs(network, tokens)
    assert len(compiled) == len(eager) == 1 + len(names)
    for one, other in zip(compiled, eager, strict=True):
        torch.testing.assert_close(one, other, atol=1e-5, rtol=1e-5)
    assert list(network.state_dict()) == names
    assert torch._dynamo.utils.counters["stats"]["unique_graphs"] == 1
    assert not torch._dynamo.utils.counters["graph_break"]


@pytest.mark.parametrize("precision", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("num_read", [None, 4])
def test_blocks_are_one_graph_in_either_precision(
    precision: torch.dtype, num_read: int | None
) -> None:
    block, tokens = Block(16, 2, 4.0), torch.randn(2, 9, 16)
    whole = torch.compile(block, fullgraph=True, backend="eager")
    with torch.autocast("cpu", dtype=torch.bfloat16, enabled=precision is torch.bfloat16):
        mixed = whole(tokens, num_read)
    assert mixed.shape == (2, num_read or 9, 16)
