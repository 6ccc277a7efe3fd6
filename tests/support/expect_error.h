// Checks that bad input is refused with the right error in one readable line.
#pragma once

#include <gtest/gtest.h>

#include <string>
#include <string_view>

#include "skald/error.h"

namespace skald::test {

/// The message of the E that `call` throws; "" (and a failed check) where it throws none. The message must be one line.
template <typename E, typename Call>
std::string message_of(Call&& call) {
  try {
    call();
  } catch (const E& error) {
    const std::string message = error.what();
    EXPECT_EQ(message.find('\n'), std::string::npos) << message;
    EXPECT_LT(message.size(), 1024U) << message;
    return message;
  } catch (const std::exception& error) {
    ADD_FAILURE() << "wrong type of error: " << error.what();
    return {};
  }
  ADD_FAILURE() << "nothing was thrown";
  return {};
}

/// Checks that `call` throws E with `part` in its message.
template <typename E, typename Call>
void expect_error(Call&& call, std::string_view part) {
  const std::string message = message_of<E>(std::forward<Call>(call));
  EXPECT_NE(message.find(part), std::string::npos) << "message: " << message << "\nwanted in it: " << part;
}

}  // namespace skald::test
