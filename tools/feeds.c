/* See feeds.h. */
#include "tools/feeds.h"

#include <stdlib.h>
#include <string.h>

#include "ir/formats/npy_int.h"

/* ---- the command line ---- */

static bool split(feed *f) {
  char *equals = strchr(f->text, '=');
  *equals = '\0';
  f->name = f->text;
  for (char *s = equals + 1; s;) {
    char *comma = strchr(s, ',');
    if (comma) *comma = '\0';
    if (!*s || !cli_list_add(&f->files, s)) return false;
    s = comma ? comma + 1 : NULL;
  }
  return true;
}

static feed *add_item(feeds *f, const char *text) {
  feed *items = realloc(f->items, (f->count + 1) * sizeof *items);
  if (!items) return NULL;
  f->items = items;
  feed *item = &items[f->count++];
  *item = (feed){.text = strdup(text)};
  item->name = item->text;
  return item->text ? item : NULL;
}

bool feeds_add(feeds *f, const cli_command *command, const char *argument) {
  const char *equals = strchr(argument, '=');
  if (!equals || equals == argument || !equals[1]) {
    cli_usage_error(command, "--input takes NAME=A.npy[,B.npy...], not '%s'", argument);
    return false;
  }
  feed *item = add_item(f, argument);
  if (item && split(item)) return true;
  cli_usage_error(command, "--input %s: an empty file name", argument);
  return false;
}

/* The numbers of "[INPUT=]N[,N...]"; `at` walks over them. */
static const char *extent_numbers(const char *text) {
  const char *equals = strrchr(text, '=');
  return equals ? equals + 1 : text;
}

static bool next_extent(const char **at, int64_t *value) {
  char *end;
  if (!**at) return false;
  *value = strtoll(*at, &end, 10);
  const bool ok = end != *at && ((*end == ',' && end[1]) || !*end) && *value >= 0 && *value <= INT32_MAX;
  *at = *end == ',' ? end + 1 : end;
  return ok;
}

int feeds_check(const feeds *f, const cli_command *command) {
  for (uint32_t i = 0; i < f->count; i++) {
    if (f->items[i].files.count != f->items[0].files.count)
      return cli_usage_error(command, "--input %s has %u files and --input %s has %u", f->items[0].name,
                             f->items[0].files.count, f->items[i].name, f->items[i].files.count);
    for (uint32_t j = 0; j < i; j++)
      if (strcmp(f->items[i].name, f->items[j].name) == 0)
        return cli_usage_error(command, "two --input %s", f->items[i].name);
  }
  for (uint32_t i = 0; i < f->extents.count; i++) {
    const char *at = extent_numbers(f->extents.items[i]);
    int64_t value;
    do
      if (!next_extent(&at, &value))
        return cli_usage_error(command, "--extent takes [INPUT=]N[,N...], not '%s'", f->extents.items[i]);
    while (*at);
    for (uint32_t j = 0; j < i; j++) {
      const size_t size = (size_t)(extent_numbers(f->extents.items[i]) - f->extents.items[i]);
      if (extent_numbers(f->extents.items[j]) == f->extents.items[j] + size &&
          strncmp(f->extents.items[i], f->extents.items[j], size) == 0)
        return cli_usage_error(command, "--extent %s and %s are of the same inputs", f->extents.items[j],
                               f->extents.items[i]);
    }
  }
  if (f->extents.count && !f->random) return cli_usage_error(command, "--extent is of --random inputs");
  if (f->steps && f->count) return cli_usage_error(command, "--steps is of --random inputs: files have their own");
  if (f->steps && !f->random) return cli_usage_error(command, "--steps is of --random inputs");
  return -1;
}

/* ---- which inputs ---- */

/* Says that there is no input called so, and which there are; false. */
static bool no_input(const feeds *f, const char *module, const char *option, const char *given, size_t size) {
  enum { SHOWN = 20 };
  char name[512], nearest[512];
  const uint32_t count = graft_input_count(f->graph);
  gr_closest near = gr_closest_begin(given, size);
  for (uint32_t i = 0; i < count; i++) {
    graft_value_name(f->graph, graft_input_get(f->graph, i), name, sizeof name);
    gr_closest_offer(&near, name, strlen(name));
    if (near.word == name) near.word = memcpy(nearest, name, sizeof nearest); /* name is used again */
  }
  cli_fail(module, "--%s: the graph has no input called '%.*s'%s", option, (int)size, given,
           gr_closest_hint(&near, ""));
  for (uint32_t i = 0; i < count && i < SHOWN; i++) {
    graft_value_name(f->graph, graft_input_get(f->graph, i), name, sizeof name);
    cli_say("note: it has the input '%s'", name);
  }
  if (count > SHOWN) fprintf(stderr, "note: and %u more\n", count - SHOWN);
  return false;
}

static bool find_input(feeds *f, feed *item, const char *module) {
  item->input = graft_value_find(f->graph, item->name);
  for (uint32_t i = 0; i < graft_input_count(f->graph); i++) {
    if (graft_input_get(f->graph, i) != item->input) continue;
    item->index = i;
    return true;
  }
  return no_input(f, module, "input", item->name, strlen(item->name));
}

/* Is this --extent said by name, for the input called so? */
static bool is_of(const char *extents, const char *name) {
  const size_t size = strlen(name);
  return extent_numbers(extents) == extents + size + 1 && strncmp(extents, name, size) == 0;
}

/* The extents that are said for this input: for it by name, else for all. */
static const char *extents_of(const feeds *f, const char *name) {
  const char *common = "";
  for (uint32_t i = 0; i < f->extents.count; i++) {
    const char *text = f->extents.items[i];
    if (is_of(text, name)) return extent_numbers(text);
    if (extent_numbers(text) == text) common = text;
  }
  return common;
}

/* What is not known of a random input's type is filled in, and there is memory for it. */
static bool make_random(feeds *f, feed *item, const char *module) {
  graft_type t = graft_value_get_type(f->graph, item->input);
  if (t.dtype == GRAFT_UNKNOWN || t.rank < 0)
    return cli_fail(module, "the input '%s' has no known rank and dtype: it takes a file", item->name) == EXIT_DONE;
  const char *at = extents_of(f, item->name);
  for (int32_t d = 0; d < t.rank; d++)
    if (t.dims[d] < 0 && !next_extent(&at, &t.dims[d])) t.dims[d] = 1;
  int64_t count = graft_type_elements(&t);
  size_t size = graft_dtype_size(t.dtype);
  if (count < 0 || (uint64_t)count > PTRDIFF_MAX / 2 / size)
    return cli_fail(module, "the input '%s' is too large", item->name) == EXIT_DONE;
  item->type = t;
  item->data = gr_buffer_create(f->context, (size_t)count * size);
  return item->data != NULL;
}

static bool add_random(feeds *f, const char *module) {
  for (uint32_t i = 0; i < graft_input_count(f->graph); i++) {
    char name[4096];
    graft_value_name(f->graph, graft_input_get(f->graph, i), name, sizeof name);
    bool given = false;
    for (uint32_t j = 0; j < f->count; j++) given |= f->items[j].index == i;
    if (given) continue;
    feed *item = add_item(f, name);
    if (!item) return cli_fail(module, "out of memory") == EXIT_DONE;
    item->input = graft_input_get(f->graph, i);
    item->index = i;
    if (!make_random(f, item, module)) return false;
  }
  return true;
}

/* How many numbers an --extent has, and how many extents of random inputs it could be for. */
static uint32_t count_numbers(const char *at) {
  uint32_t count = 0;
  for (int64_t value; next_extent(&at, &value);) count++;
  return count;
}

static uint32_t count_unknown(const feeds *f, const char *extents, bool *exists) {
  uint32_t most = 0;
  *exists = extent_numbers(extents) == extents;
  for (uint32_t i = 0; i < f->count; i++) {
    const feed *item = &f->items[i];
    const bool named = is_of(extents, item->name);
    *exists |= named;
    if (item->files.count || extents_of(f, item->name) != extent_numbers(extents)) continue;
    const graft_type t = graft_value_get_type(f->graph, item->input);
    uint32_t unknown = 0;
    for (int32_t d = 0; d < t.rank; d++) unknown += t.dims[d] < 0;
    if (unknown > most) most = unknown;
  }
  return most;
}

/* None may be for nothing. */
static bool check_extents(const feeds *f, const char *module) {
  for (uint32_t i = 0; i < f->extents.count; i++) {
    const char *text = f->extents.items[i], *numbers = extent_numbers(text);
    bool exists;
    const uint32_t unknown = count_unknown(f, text, &exists), given = count_numbers(numbers);
    if (!exists) return no_input(f, module, "extent", text, (size_t)(numbers - text) - 1);
    if (given > unknown)
      return cli_fail(module, "--extent %s: %u number%s for %u unknown extent%s of the random input%s", text, given,
                      given == 1 ? "" : "s", unknown, unknown == 1 ? "" : "s", numbers == text ? "s" : "") == EXIT_DONE;
  }
  return true;
}

bool feeds_begin(feeds *f, graft_context *context, graft_graph *graph, const char *module) {
  f->context = context;
  f->graph = graph;
  for (uint32_t i = 0; i < f->count; i++)
    if (!find_input(f, &f->items[i], module)) return false;
  return (!f->random || add_random(f, module)) && check_extents(f, module);
}

/* ---- steps ---- */

/* numpy has no bf16: an array for such an input is f32, and every element one that bf16 has. */
static bool as_declared(const feeds *f, feed *item, const char *path) {
  graft_type declared = graft_value_get_type(f->graph, item->input);
  if (declared.dtype != GRAFT_BF16 || item->type.dtype != GRAFT_F32) return true;
  int64_t count = graft_type_elements(&item->type);
  const float *x = item->data->data;
  uint16_t *y = item->data->data;
  for (int64_t i = 0; i < count; i++) {
    float exact = x[i];
    uint16_t h = gr_bf16_from_float(exact);
    if (exact == exact && gr_bf16_to_float(h) != exact)
      return cli_fail(path, "the input is bf16, which has no %.9g", (double)exact) == EXIT_DONE;
    memcpy(&y[i], &h, sizeof h);
  }
  item->type.dtype = GRAFT_BF16;
  return true;
}

static bool read_files(feeds *f) {
  for (uint32_t i = 0; i < f->count; i++) {
    feed *item = &f->items[i];
    if (!item->files.count) continue;
    const char *path = item->files.items[f->file];
    if (item->data) gr_buffer_release(f->context, item->data);
    item->data = NULL;
    if (gr_npy_read(f->context, path, &item->type, &item->data) != GRAFT_OK || !as_declared(f, item, path))
      return false;
    if (f->batch && item->type.rank < 1) return cli_fail(path, "--batch needs a first axis") == EXIT_DONE;
  }
  return true;
}

/* Steps that one file of each input gives. */
static bool count_steps(feeds *f) {
  const feed *first = NULL;
  f->file_steps = 1;
  for (uint32_t i = 0; f->batch && i < f->count; i++) {
    const feed *item = &f->items[i];
    if (!item->files.count) continue;
    int64_t n = item->type.dims[0] / f->batch;
    if (first && n != f->file_steps)
      return cli_fail(item->files.items[f->file], "%lld steps of --batch %lld, but %s gives %lld", (long long)n,
                      (long long)f->batch, first->files.items[f->file], (long long)f->file_steps) == EXIT_DONE;
    if (!first) first = item;
    f->file_steps = n;
  }
  if (f->file_steps > 0) return true;
  return cli_fail(first->files.items[f->file], "fewer than --batch %lld rows: there is no step", (long long)f->batch) ==
         EXIT_DONE;
}

/* Floats from -1 to 1; integers 0 or 1, so that they can be indices, but all of 8 bits. */
static void fill(const feeds *f, const feed *item, int64_t step) {
  const int64_t count = graft_type_elements(&item->type);
  const graft_dtype dtype = item->type.dtype;
  const size_t size = graft_dtype_size(dtype);
  const uint64_t key = gr_mix(gr_mix(f->seed + 1) + (uint64_t)step * 4099 + item->index);
  char *at = item->data->data;
  for (int64_t i = 0; i < count; i++, at += size) {
    const uint64_t bits = gr_mix(key + (uint64_t)i);
    if (gr_is_float(dtype))
      gr_element_set_float(dtype, at, (double)(bits >> 40) * 0x1p-23 - 1.0);
    else if (dtype == GRAFT_U8 || dtype == GRAFT_I8)
      *at = (char)(bits >> 56);
    else
      gr_element_set_int(dtype, at, (int64_t)(bits >> 63));
  }
}

static uint32_t file_count(const feeds *f) { return f->count ? f->items[0].files.count : 0; }

int64_t feeds_total(const feeds *f) {
  if (file_count(f) == 0) return f->steps ? f->steps : 1;
  if (!f->batch) return file_count(f);
  return file_count(f) == 1 ? f->file_steps : 0;
}

bool feeds_next(feeds *f, bool *more) {
  const double start = cli_now();
  const uint32_t files = file_count(f);
  bool ok = true;
  *more = false;
  if (files == 0) {
    if (f->step >= (f->steps ? f->steps : 1)) return true;
    f->step++;
  } else {
    if (f->step == f->file_steps) {
      if (f->file_steps) f->file++;
      if (f->file == files) return true;
      f->step = 0;
      ok = read_files(f) && count_steps(f);
    }
    f->step++;
  }
  for (uint32_t i = 0; ok && i < f->count; i++)
    if (!f->items[i].files.count) fill(f, &f->items[i], f->step + ((int64_t)f->file << 32));
  f->seconds += cli_now() - start;
  *more = ok;
  return ok;
}

graft_type feeds_type(const feeds *f, const feed *item) {
  graft_type type = item->type;
  if (f->batch && item->files.count) type.dims[0] = f->batch;
  return type;
}

const void *feeds_data(const feeds *f, const feed *item) {
  if (!f->batch || !item->files.count) return item->data->data;
  const graft_type type = feeds_type(f, item);
  return (const char *)item->data->data +
         (size_t)(f->step - 1) * (size_t)graft_type_elements(&type) * graft_dtype_size(type.dtype);
}

bool feeds_set(const feeds *f, graft_session *session) {
  for (uint32_t i = 0; i < f->count; i++) {
    const graft_type type = feeds_type(f, &f->items[i]);
    if (graft_session_set_input(session, f->items[i].index, &type, feeds_data(f, &f->items[i])) != GRAFT_OK)
      return false;
  }
  return true;
}

void feeds_free(feeds *f) {
  for (uint32_t i = 0; i < f->count; i++) {
    if (f->items[i].data) gr_buffer_release(f->context, f->items[i].data);
    cli_list_free(&f->items[i].files);
    free(f->items[i].text);
  }
  free(f->items);
  cli_list_free(&f->extents);
  *f = (feeds){0};
}
