#!/usr/bin/env python3
"""make_bart.py FOLDER: an encoder-decoder of BART-base's shape with random weights, in f32."""

import sys

import torch
from transformers import BartConfig, BartForConditionalGeneration

torch.manual_seed(0)
torch.set_num_threads(1)
config = BartConfig(
    vocab_size=50265,
    d_model=768,
    encoder_layers=6,
    decoder_layers=6,
    encoder_attention_heads=12,
    decoder_attention_heads=12,
    encoder_ffn_dim=3072,
    decoder_ffn_dim=3072,
    max_position_embeddings=1024,
    forced_eos_token_id=None,
    normalize_before=False,  # CTranslate2's converter asks for it
)
model = BartForConditionalGeneration(config)
model.generation_config.forced_eos_token_id = None
model.save_pretrained(sys.argv[1])
