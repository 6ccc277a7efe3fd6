"""The generation part of transformers, on Skald's engine: change the import, keep the code.

>>> from skald.transformers import AutoModelForCausalLM, AutoTokenizer
"""

from skald.transformers.caches import Cache, DynamicCache, EncoderDecoderCache, QuantizedCache, StaticCache
from skald.transformers.configuration import GenerationConfig
from skald.transformers.hooks import (
    LogitsProcessor,
    LogitsProcessorList,
    LogitsWarper,
    StoppingCriteria,
    StoppingCriteriaList,
)
from skald.transformers.models import AutoModelForCausalLM, AutoModelForSeq2SeqLM, SkaldModel
from skald.transformers.outputs import (
    BatchEncoding,
    GenerateBeamDecoderOnlyOutput,
    GenerateBeamEncoderDecoderOutput,
    GenerateDecoderOnlyOutput,
    GenerateEncoderDecoderOutput,
    ModelOutput,
)
from skald.transformers.seeds import set_seed
from skald.transformers.streamers import (
    AsyncTextIteratorStreamer,
    BaseStreamer,
    TextIteratorStreamer,
    TextStreamer,
)
from skald.transformers.tokenizers import AutoTokenizer, SkaldTokenizer

__all__ = [
    "AsyncTextIteratorStreamer",
    "AutoModelForCausalLM",
    "AutoModelForSeq2SeqLM",
    "AutoTokenizer",
    "BaseStreamer",
    "BatchEncoding",
    "Cache",
    "DynamicCache",
    "EncoderDecoderCache",
    "GenerateBeamDecoderOnlyOutput",
    "GenerateBeamEncoderDecoderOutput",
    "GenerateDecoderOnlyOutput",
    "GenerateEncoderDecoderOutput",
    "GenerationConfig",
    "LogitsProcessor",
    "LogitsProcessorList",
    "LogitsWarper",
    "ModelOutput",
    "QuantizedCache",
    "SkaldModel",
    "SkaldTokenizer",
    "StaticCache",
    "StoppingCriteria",
    "StoppingCriteriaList",
    "TextIteratorStreamer",
    "TextStreamer",
    "set_seed",
]
