// Control vectors as llama.cpp and repeng store them: GGUF of the architecture "controlvector".
//
//   controlvector.model_hint: the architecture that they were made for     controlvector.layer_count
//   direction.N [hidden]: is added to the hidden state after layer N, N in [1, layers of the model)
#pragma once

#include <string>

#include "models/decoder_model.h"

namespace skald::models {

/// Reads the control vector in the file `path` for a model of that shape. A hint at another architecture is told as a
/// warning. Throws FormatError for a file that is no control vector or does not fit the model: file, tensor and rule
/// are named.
nn::ControlVectors load_control_vector(const std::string& path, const ModelShape& shape);

/// Writes one, with f32 directions. Throws PathError.
void save_control_vector(const std::string& path, const nn::ControlVectors& vectors, const std::string& model_type);

}  // namespace skald::models
