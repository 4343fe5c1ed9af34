/* Structs from outside, which begin with their size. */
#include "ir/graph/options_int.h"

#include <stdalign.h>
#include <string.h>

#define NEWER_AT_MOST 1024u /* bytes that a newer struct may have beyond ours */

typedef enum size_fault { NONE, NO_SIZE, NO_SUCH_SIZE, IS_SET } size_fault;

static size_fault look_at_size(size_t size, const void *given, size_t *given_size) {
  memcpy(given_size, given, sizeof *given_size);
  if (*given_size < sizeof *given_size) return NO_SIZE;
  return *given_size % alignof(size_t) != 0 || *given_size > size + NEWER_AT_MOST ? NO_SUCH_SIZE : NONE;
}

/* `at`: the first byte that is set and not known. */
static size_fault look(size_t size, const void *given, size_t *given_size, size_t *at) {
  const size_fault fault = look_at_size(size, given, given_size);
  if (fault != NONE) return fault;
  for (*at = size; *at < *given_size; ++*at)
    if (((const unsigned char *)given)[*at]) return IS_SET;
  return NONE;
}

static void copy(void *ours, size_t size, const void *given, size_t given_size) {
  memcpy(ours, given, given_size < size ? given_size : size);
  memcpy(ours, &size, sizeof size);
}

static graft_status refuse(graft_context *c, size_fault fault, size_t size, size_t given_size, size_t at) {
  const gr_loc where = {0};
  if (fault == NO_SIZE) return gr_error(c, GRAFT_INVALID_ARGUMENT, where, "the options do not begin with their size");
  if (fault == NO_SUCH_SIZE)
    return gr_error(c, GRAFT_INVALID_ARGUMENT, where, "the options begin with %zu, which is not their size (here: %zu)",
                    given_size, size);
  return gr_error(c, GRAFT_INVALID_ARGUMENT, where,
                  "options of a newer graft: byte %zu is set, and only the first %zu are known here", at, size);
}

bool gr_copy_options(void *ours, size_t size, const void *given) {
  size_t given_size, at;
  if (!given) return true;
  if (look(size, given, &given_size, &at) != NONE) return false;
  copy(ours, size, given, given_size);
  return true;
}

graft_status gr_take_options(graft_context *c, void *ours, size_t size, const void *given) {
  size_t given_size, at = 0;
  if (!given) return GRAFT_OK;
  const size_fault fault = look(size, given, &given_size, &at);
  if (fault != NONE) return refuse(c, fault, size, given_size, at);
  copy(ours, size, given, given_size);
  return GRAFT_OK;
}

graft_status gr_take_item(graft_context *c, void *ours, size_t size, const void *list, uint32_t index,
                          const char *what) {
  const gr_loc where = {0};
  size_t stride, own;
  if (!list) return gr_error(c, GRAFT_INVALID_ARGUMENT, where, "%s %u: there is no list of them", what, index);
  memcpy(&stride, list, sizeof stride);
  if (index > 0 && (stride < sizeof stride || stride % alignof(size_t) != 0 || stride > size + NEWER_AT_MOST))
    return gr_error(c, GRAFT_INVALID_ARGUMENT, where, "%s 0 does not begin with its size", what);
  const char *item = (const char *)list + (index ? index * stride : 0);
  memcpy(&own, item, sizeof own);
  if (own != stride)
    return gr_error(c, GRAFT_INVALID_ARGUMENT, where, "%s %u begins with %zu: all have the size of the first, %zu",
                    what, index, own, stride);
  return gr_take_options(c, ours, size, item);
}

graft_status gr_check_place(graft_context *c, const void *given, size_t size) {
  size_t given_size = 0;
  const size_fault fault = given ? look_at_size(size, given, &given_size) : NO_SIZE;
  if (fault == NONE) return GRAFT_OK;
  if (!c) return GRAFT_INVALID_ARGUMENT;
  return given ? refuse(c, fault, size, given_size, 0)
               : gr_error(c, GRAFT_INVALID_ARGUMENT, (gr_loc){0}, "there is no place for what is asked for");
}

void gr_give(void *given, const void *ours, size_t size) {
  size_t given_size;
  memcpy(&given_size, given, sizeof given_size);
  memcpy(given, ours, given_size < size ? given_size : size);
  if (given_size > size) memset((char *)given + size, 0, given_size - size);
  memcpy(given, &given_size, sizeof given_size);
}
