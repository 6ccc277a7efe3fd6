// Uses the installed library as a stranger would: public header, exported symbols, an exception across the boundary.
#include <skald/skald.h>

#include <cstdio>

int main() {
  std::printf("Skald %s, %s\n", skald::version(), skald::system_info().kernel_table.c_str());
  try {
    (void)skald::Model::load("no/such/model");
  } catch (const skald::Error& error) {
    std::puts(error.what());
    return 0;
  }
  return 1;
}
