// Visibility of the public symbols: the library is built with everything else hidden.
#pragma once

#define SKALD_API __attribute__((visibility("default")))
