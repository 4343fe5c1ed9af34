#include "attempt.h"
#include "bounded.h"
#include "ir/formats/npy_int.h"
#include "ir/formats/safetensors_int.h"
#include "ir/state.h"
#include "passes/passes.h"
#include "programs.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MEMORY ((size_t)256 << 20)

static graft_module *reload(graft_module *m, graft_format format, char **bytes, size_t *size) {
  graft_load_options o = {.size = sizeof o, .check_hashes = true};
  if (graft_module_print(m, format, bytes, size) != GRAFT_OK) return NULL;
  return graft_module_load_memory(graft_module_get_context(m), *bytes, *size, "again", &o);
}

/* Printed, read, printed and read again: the structure stays, and from the first reading on the bytes, too. */
static const char *round_trip(graft_module *m, graft_format format, const char *fault) {
  graft_context *c = graft_module_get_context(m);
  char *first = NULL, *second = NULL, *third = NULL;
  size_t sizes[3] = {0};
  const char *wrong = fault;
  graft_module *again = reload(m, format, &first, &sizes[0]);
  graft_module *once_more = again ? reload(again, format, &second, &sizes[1]) : NULL;
  if (once_more && graft_module_hash(once_more) == graft_module_hash(m) &&
      graft_module_print(once_more, format, &third, &sizes[2]) == GRAFT_OK && sizes[1] == sizes[2] &&
      memcmp(second, third, sizes[1]) == 0)
    wrong = NULL;
  graft_free(c, first, sizes[0]);
  graft_free(c, second, sizes[1]);
  graft_free(c, third, sizes[2]);
  graft_module_destroy(again);
  graft_module_destroy(once_more);
  return wrong;
}

/* A round trip may run out of the memory granted here: that is no fault. */
static bool out_of_memory(const graft_context *c) {
  for (uint32_t i = 0; i < graft_diagnostic_count(c); i++) {
    const graft_status code = graft_diagnostic_get(c, i).code;
    if (code == GRAFT_NO_MEMORY || code == GRAFT_LIMIT) return true;
  }
  return false;
}

/* The passes may refuse the module, but not without saying why, and what they leave is whole. */
static const char *run_passes(graft_context *c, graft_module *m, const char *pipeline) {
  graft_pass_options o = {.size = sizeof o, .verify_each = true};
  graft_status status = graft_run_passes(m, pipeline, &o);
  if (out_of_memory(c)) return NULL;
  if (status != GRAFT_OK) return graft_context_has_errors(c) ? NULL : "passes fail without a diagnostic";
  return graft_module_verify(m) == GRAFT_OK ? NULL : "the module does not pass the verifier after the passes";
}

static const char *check_module(graft_context *c, graft_module *m, const char *pipeline) {
  if (graft_context_has_errors(c)) return "a module was given, and an error";
  if (graft_module_verify(m) != GRAFT_OK) return "the module does not pass the verifier";
  const char *wrong = round_trip(m, GRAFT_FORMAT_BINARY, "its .gfb does not give the same module");
  if (!wrong) wrong = round_trip(m, GRAFT_FORMAT_TEXT, "its text does not give the same module");
  if (wrong && !out_of_memory(c)) return wrong;
  char *text = NULL;
  size_t size = 0;
  if (graft_module_print(m, GRAFT_FORMAT_JSON, &text, &size) == GRAFT_OK) graft_free(c, text, size);
  graft_diagnostics_clear(c);
  return pipeline ? run_passes(c, m, pipeline) : NULL;
}

static graft_status visit(void *user, const char *name, const graft_type *type, const void *data, size_t size) {
  uint64_t *sum = user;
  *sum += strlen(name) + (uint64_t)type->rank + gr_hash_bytes(data, size);
  return GRAFT_OK;
}

/* Has tensors of the names that the seeds have. */
static const char network[] = "graft 1\n"
                              "tensor %conv.weight: f32[2, 1, 1, 1] parameter = [0.5, -0.25]\n"
                              "tensor %conv.bn.weight: f32[2] parameter = [1.0, 2.0]\n"
                              "tensor %conv.bn.running_mean: f32[2] buffer = [0.0, 0.0]\n"
                              "tensor %conv.bn.num_batches_tracked: i64[] buffer = 7\n"
                              "tensor %fc.weight: i8[2, 2] buffer = [0, 0, 0, 0]\n"
                              "tensor %fc.weight.scale: f32[2] buffer = [0, 0]\n"
                              "tensor %fc.weight.zero_point: i32[2] buffer = [0, 0]\n"
                              "tensor %bool: bool[2] buffer = [false, true]\n"
                              "tensor %fc.matrix: f32[2, 3] parameter = [0, 0, 0, 0, 0, 0]\n"
                              "tensor %a.weight: f16[2, 3] parameter = [0, 0, 0, 0, 0, 0]\n"
                              "graph main() {\n"
                              "  return\n"
                              "}\n";

/* What was refused has changed nothing; what was taken is a sound module. */
static bool load_state(graft_context *c, const void *bytes, size_t size, const char **wrong) {
  graft_module *m = graft_module_load_memory(c, network, sizeof network - 1, "network", NULL);
  if (!m) return false;
  const uint64_t before = graft_module_hash(m);
  const graft_state_options o = {.size = sizeof o, .partial = true, .dict = size % 8 == 0 ? "model" : NULL};
  const bool good = graft_state_load_memory(m, bytes, size, "", &o) == GRAFT_OK;
  if (good == graft_context_has_errors(c)) *wrong = "the status is not what the errors say";
  if (!good && graft_module_hash(m) != before) *wrong = "a state that was refused has changed the module";
  if (graft_module_verify(m) != GRAFT_OK) *wrong = "the module does not pass the verifier";
  graft_module_destroy(m);
  return good;
}

static bool read_bytes(attempt_kind kind, graft_context *c, const void *bytes, size_t size, const char *pipeline,
                       const char **wrong) {
  if (kind == ATTEMPT_MODULE) {
    graft_load_options o = {.size = sizeof o, .check_hashes = size % 2 == 0};
    graft_module *m = graft_module_load_memory(c, bytes, size, "", &o);
    if (m) *wrong = check_module(c, m, pipeline);
    graft_module_destroy(m);
    return m != NULL;
  }
  if (kind == ATTEMPT_NPY) {
    graft_type type;
    gr_buffer *data = NULL;
    if (gr_npy_parse(c, bytes, size, "", &type, &data) != GRAFT_OK) return false;
    if (data->size != (size_t)graft_type_elements(&type) * graft_dtype_size(type.dtype)) *wrong = "size of the data";
    gr_buffer_release(c, data);
    return true;
  }
  if (kind == ATTEMPT_STATE) return load_state(c, bytes, size, wrong);
  if (kind >= ATTEMPT_RULES) return attempt_program(kind, c, bytes, size, wrong);
  gr_buffer *file = gr_buffer_create(c, size);
  uint64_t sum = 0;
  if (file && size) memcpy(file->data, bytes, size);
  bool good = file && gr_safetensors_parse(c, file, "", visit, &sum) == GRAFT_OK;
  gr_buffer_release(c, file);
  if (good) load_state(c, bytes, size, wrong);
  return good;
}

attempt_result attempt(attempt_kind kind, const void *bytes, size_t size, const char *pipeline) {
  attempt_result r = {0};
  bounded_memory m = {.limit = MEMORY};
  graft_context_options options = {.size = sizeof options, .allocator = bounded_allocate, .allocator_user = &m};
  graft_context *c = graft_context_create(&options);
  r.accepted = read_bytes(kind, c, bytes, size, pipeline, &r.wrong);
  if (!r.accepted && !graft_context_has_errors(c)) r.wrong = "refused without a diagnostic";
  if (graft_diagnostic_count(c)) {
    graft_diagnostic d = graft_diagnostic_get(c, 0);
    graft_diagnostic_format(&d, r.detail, sizeof r.detail);
  }
  graft_context_destroy(c);
  if (!r.wrong) r.wrong = bounded_fault(&m);
  return r;
}
