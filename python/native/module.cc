#include "bindings.h"

// What the classes of the package skald stand on; nobody else imports it.
NB_MODULE(_native, m) {
  using namespace skald::python;
  nb::set_leak_warnings(false);  // a callback whose globals hold its call lives until the process ends: no harm
  bind_errors(m);
  bind_system(m);
  bind_options(m);
  bind_tokenizer(m);
  bind_chat(m);
  bind_outputs(m);
  bind_call(m);
  bind_processors(m);
  bind_model(m);
  bind_session(m);
}
