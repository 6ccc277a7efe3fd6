// Skald's C++ interface.
//
//   auto model = skald::Model::load("path/to/model");
//   skald::GenerationConfig config{.max_new_tokens = 50, .do_sample = true, .temperature = 0.7};
//   for (const auto& completion : model.generate("Once upon a time", config)) std::puts(completion.text.c_str());
#pragma once

#include "skald/chat.h"
#include "skald/control_vector.h"
#include "skald/embed.h"
#include "skald/error.h"
#include "skald/generation_config.h"
#include "skald/hooks.h"
#include "skald/hub.h"
#include "skald/log.h"
#include "skald/model.h"
#include "skald/notice.h"
#include "skald/outputs.h"
#include "skald/processors.h"
#include "skald/quantize.h"
#include "skald/score.h"
#include "skald/session.h"
#include "skald/system.h"
#include "skald/tokenizer.h"
#include "skald/torch_random.h"
#include "skald/waiting.h"
#include "skald/watermark.h"
