/* Loading: keys are matched with tensors, everything is checked and said, and only then does anything change. */
#include "ir/formats/file_int.h"
#include "ir/formats/state/element_impl.h"

#include <stdio.h>
#include <string.h>

#define LISTED_BYTES 1700u /* of keys in one message, which has room for 2048 */
#define WRONG_TENSORS 16u  /* that are said one by one */
#define SHARED_BYTES 1024u /* smaller tensors are copied: they lie in one block with their record */

/* Keys in one message: how many, and the first of them. */
typedef struct key_list {
  gr_sink text;
  uint32_t count, shown;
} key_list;

/* The key is `key` and `rest`. */
static void add_key(key_list *l, const char *key, const char *rest) {
  if (l->text.bytes.len < LISTED_BYTES && l->shown == l->count) {
    gr_sink_format(&l->text, "%s%.100s%.100s", l->count ? ", " : "", key, rest);
    l->shown++;
  }
  l->count++;
}

/* "12 keys are missing: a, b and 10 more" needs "a, b and 10 more", closed by a zero byte. */
static const char *listed(key_list *l) {
  if (l->count > l->shown) gr_sink_format(&l->text, " and %u more", l->count - l->shown);
  gr_sink_write(&l->text, "", 1);
  return l->text.failed ? "" : l->text.bytes.data;
}

typedef struct loader {
  graft_module *module;
  graft_context *context;
  const gr_state *state;
  gr_state_scope scope;
  bool partial;
  uint8_t *parts;                               /* gr_state_part by tensor */
  uint32_t *taken;                              /* by tensor: the entry it takes, GRAFT_NONE */
  gr_sink name;                                 /* scratch */
  key_list missing, unexpected, cast, counters; /* counters: num_batches_tracked that are passed over */
  const char *hint;                             /* an unexpected key that would be none without its first part */
  uint32_t wrong;                               /* tensors that do not fit */
} loader;

/* ---- matching ---- */

/* "MODULE." before the first `length` bytes of `key` and `tail`; NULL: no memory. */
static const char *tensor_name(loader *l, const char *key, size_t length, const char *tail) {
  l->name.bytes.len = 0;
  gr_sink_write(&l->name, l->scope.module, l->scope.module_length);
  if (l->scope.module_length) gr_sink_text(&l->name, ".");
  gr_sink_write(&l->name, key, length);
  gr_sink_write(&l->name, tail, strlen(tail) + 1);
  return l->name.failed ? NULL : l->name.bytes.data;
}

static graft_tensor find(loader *l, const char *key, size_t length, const char *tail) {
  const char *name = tensor_name(l, key, length, tail);
  return name ? graft_tensor_find(l->module, name) : GRAFT_NONE;
}

/* Of PyTorch's ConvBn modules: what version 1 had beside the weight, and where version 2 has it. */
static const struct {
  const char *old, *now;
} moved[] = {{"gamma", "bn.weight"},
             {"beta", "bn.bias"},
             {"running_mean", "bn.running_mean"},
             {"running_var", "bn.running_var"},
             {"num_batches_tracked", "bn.num_batches_tracked"}};

/* Begin of a key's last part. */
static size_t leaf_of(const char *key) {
  const char *dot = strrchr(key, '.');
  return dot ? (size_t)(dot - key) + 1 : 0;
}

/* Of a key of the file, without the prefix. */
static graft_tensor find_tensor(loader *l, const char *full, const char *key) {
  graft_tensor t = find(l, key, strlen(key), "");
  const size_t leaf = leaf_of(key);
  if (t == GRAFT_NONE && gr_state_version(l->state, full) >= 2) return GRAFT_NONE;
  for (size_t i = 0; t == GRAFT_NONE && i < sizeof moved / sizeof *moved; i++)
    if (strcmp(key + leaf, moved[i].old) == 0) t = find(l, key, leaf, moved[i].now);
  return t;
}

/* A batch norm whose statistics the module has, but does not count its batches. */
static bool is_idle_counter(loader *l, const char *full, const char *key) {
  const size_t leaf = leaf_of(key);
  if (strcmp(key + leaf, "num_batches_tracked") != 0) return false;
  return find(l, key, leaf, "running_mean") != GRAFT_NONE ||
         (gr_state_version(l->state, full) < 2 && find(l, key, leaf, "bn.running_mean") != GRAFT_NONE);
}

static void add_unexpected(loader *l, const char *key, const char *why) {
  const char *dot = strchr(key, '.');
  add_key(&l->unexpected, key, why);
  if (!l->hint && dot && dot[1] && find_tensor(l, key, dot + 1) != GRAFT_NONE) l->hint = key;
}

static void match_entry(loader *l, uint32_t index) {
  const gr_state_entry *e = &l->state->entries.data[index];
  const char *full = e->key, *key = full + l->scope.prefix_length;
  if (e->type.dtype == GRAFT_UNKNOWN) {
    add_unexpected(l, full, " (no tensor)");
    return;
  }
  if (strncmp(full, l->scope.prefix, l->scope.prefix_length) != 0) {
    add_unexpected(l, full, "");
    return;
  }
  const graft_tensor t = find_tensor(l, full, key);
  if (t == GRAFT_NONE && is_idle_counter(l, full, key))
    add_key(&l->counters, full, "");
  else if (t == GRAFT_NONE)
    add_unexpected(l, full, "");
  else if (l->taken[t] != GRAFT_NONE)
    gr_error(l->context, GRAFT_NAME, gr_state_loc(l->state), "the keys %.200s and %.200s are both of tensor %.200s",
             l->state->entries.data[l->taken[t]].key, full, gr_name_label(l->module, l->module->tensors.data[t].name));
  else
    l->taken[t] = index;
}

/* Batch norm counts its batches since version 2. */
static bool may_be_missing(loader *l, const char *key) {
  if (strcmp(key + leaf_of(key), "num_batches_tracked") != 0) return false;
  gr_sink full;
  gr_sink_init(&full, l->context);
  gr_sink_text(&full, l->scope.prefix);
  gr_sink_write(&full, key, strlen(key) + 1);
  const bool may = !full.failed && gr_state_version(l->state, full.bytes.data) < 2;
  gr_sink_free(&full);
  return may;
}

static void find_missing(loader *l) {
  for (graft_tensor t = 0; t < l->module->tensors.len && !l->name.failed; t++) {
    if (l->parts[t] != GR_STATE_NEEDED || l->taken[t] != GRAFT_NONE) continue;
    gr_state_name(&l->name, l->module, t);
    const char *key = l->name.failed ? NULL : gr_state_inside(&l->scope, l->name.bytes.data);
    if (key && !may_be_missing(l, key)) add_key(&l->missing, l->scope.prefix, key);
  }
}

/* ---- checking ---- */

static void check_tensor(loader *l, graft_tensor t) {
  const gr_state_entry *e = &l->state->entries.data[l->taken[t]];
  const bool constant = l->parts[t] == GR_STATE_NONE && l->module->tensors.data[t].kind == GRAFT_CONSTANT &&
                        !gr_is_float(gr_tensor_type(l->module, t)->dtype);
  const gr_state_fit fit = gr_state_check(l->state, l->module, e, t, constant, l->wrong >= WRONG_TENSORS);
  if (fit == GR_STATE_WRONG) l->wrong++;
  if (fit != GR_STATE_IS_CAST) return;
  char how[40];
  snprintf(how, sizeof how, " (%s to %s)", graft_dtype_name(e->type.dtype),
           graft_dtype_name(gr_tensor_type(l->module, t)->dtype));
  add_key(&l->cast, e->key, how);
}

/* "1 key is", "2 keys are" */
static const char *keys_are(uint32_t count) { return count == 1 ? "key is" : "keys are"; }

static void say_keys(loader *l, key_list *list, const char *what, const char *end) {
  const gr_loc where = gr_state_loc(l->state);
  if (list->count == 0) return;
  if (l->partial)
    gr_warning(l->context, GRAFT_NAME, where, "%u %s %s: %s%s", list->count, keys_are(list->count), what, listed(list),
               end);
  else
    gr_error(l->context, GRAFT_NAME, where, "%u %s %s: %s%s", list->count, keys_are(list->count), what, listed(list),
             end);
}

static void say(loader *l) {
  const gr_loc where = gr_state_loc(l->state);
  char hint[160] = "";
  if (l->hint)
    snprintf(hint, sizeof hint, "; they would not be if '%.*s' were the keys' prefix", (int)strcspn(l->hint, ".") + 1,
             l->hint);
  say_keys(l, &l->missing, "missing", "");
  say_keys(l, &l->unexpected, "unexpected", hint);
  if (l->wrong > WRONG_TENSORS)
    gr_error(l->context, GRAFT_TYPE, where, "and %u more tensors do not fit", l->wrong - WRONG_TENSORS);
  if (l->counters.count)
    gr_warning(l->context, GRAFT_NAME, where, "the graph counts no batches, so %u %s passed over: %s",
               l->counters.count, keys_are(l->counters.count), listed(&l->counters));
  if (l->cast.count)
    gr_warning(l->context, GRAFT_TYPE, where, "%u %s cast: %s", l->cast.count,
               l->cast.count == 1 ? "tensor is" : "tensors are", listed(&l->cast));
}

/* ---- changing ---- */

/* Bytes that can stay where they are. */
static bool is_shareable(const loader *l, const gr_state_entry *e, graft_tensor t) {
  const size_t width = graft_dtype_size(e->type.dtype);
  return e->type.dtype == gr_tensor_type(l->module, t)->dtype && gr_tensor_bytes(l->module, t) > SHARED_BYTES &&
         (uintptr_t)e->data % width == 0 && gr_state_is_packed(e); /* so large a one lies in the file */
}

/* Tensors that keep a file alive for a small part of it would cost more than they save. */
static bool is_worth_sharing(const loader *l) {
  size_t bytes = 0;
  for (graft_tensor t = 0; t < l->module->tensors.len; t++)
    if (l->taken[t] != GRAFT_NONE && is_shareable(l, &l->state->entries.data[l->taken[t]], t))
      bytes += gr_tensor_bytes(l->module, t);
  return bytes >= l->state->file->size / 2;
}

static bool put(loader *l, graft_tensor t, bool share) {
  const gr_state_entry *e = &l->state->entries.data[l->taken[t]];
  if (share && is_shareable(l, e, t)) {
    gr_tensor_set_buffer(l->module, t, gr_buffer_retain(l->state->file),
                         (uint64_t)(e->data - (const char *)l->state->file->data));
    return true;
  }
  gr_buffer *b = gr_buffer_alloc(l->context, gr_tensor_bytes(l->module, t));
  if (!b) return false;
  gr_state_copy(e, gr_tensor_type(l->module, t)->dtype, b->data);
  gr_tensor_set_buffer(l->module, t, b, 0);
  return true;
}

static graft_status put_all(loader *l) {
  const bool share = is_worth_sharing(l);
  bool good = true;
  gr_edit edit = gr_edit_begin(l->module);
  for (graft_tensor t = 0; good && t < l->module->tensors.len; t++)
    if (l->taken[t] != GRAFT_NONE) good = put(l, t, share);
  return gr_edit_end(l->module, edit, good ? GRAFT_OK : GRAFT_NO_MEMORY);
}

/* ---- the whole ---- */

static graft_status load_entries(loader *l) {
  const uint32_t errors = gr_error_count(l->context), tensors = l->module->tensors.len;
  for (uint32_t t = 0; t < tensors; t++) l->taken[t] = GRAFT_NONE;
  for (uint32_t i = 0; i < l->state->entries.len; i++) match_entry(l, i);
  find_missing(l);
  for (graft_tensor t = 0; t < tensors; t++)
    if (l->taken[t] != GRAFT_NONE) check_tensor(l, t);
  say(l);
  return gr_error_count(l->context) == errors ? put_all(l) : gr_outcome(l->context, errors, GRAFT_OK);
}

static graft_status load_state(graft_module *m, const gr_state *s, const graft_state_options *o) {
  graft_context *c = m->context;
  const size_t size = ((size_t)m->tensors.len + 1) * sizeof(uint32_t);
  loader l = {.module = m, .context = c, .state = s, .scope = gr_state_scope_of(o), .partial = o->partial};
  gr_sink *sinks[] = {&l.name, &l.missing.text, &l.unexpected.text, &l.cast.text, &l.counters.text};
  for (size_t i = 0; i < sizeof sinks / sizeof *sinks; i++) gr_sink_init(sinks[i], c);
  l.parts = gr_state_parts(m);
  l.taken = gr_alloc(c, size);
  graft_status status = l.parts && l.taken ? load_entries(&l) : GRAFT_NO_MEMORY;
  gr_free(c, l.parts, (size_t)m->tensors.len + 1);
  gr_free(c, l.taken, size);
  for (size_t i = 0; i < sizeof sinks / sizeof *sinks; i++) gr_sink_free(sinks[i]);
  return status;
}

/* Releases `file`. */
static graft_status load_file(graft_module *m, gr_buffer *file, const char *path, const graft_state_options *o) {
  gr_state s;
  const gr_state_scope scope = gr_state_scope_of(o);
  graft_status status = gr_state_check_scope(m, &scope, path);
  if (status) {
    gr_buffer_release(m->context, file);
    return status;
  }
  status = gr_state_read(&s, m->context, file, path, o->dict ? o->dict : "");
  if (!status) status = load_state(m, &s, o);
  gr_state_free(&s);
  gr_buffer_release(m->context, file);
  return status;
}

static graft_status load(graft_module *m, const char *path, const graft_state_options *options) {
  const uint32_t errors = gr_error_count(m->context);
  graft_state_options o = {.size = sizeof o};
  if (!path) return gr_error(m->context, GRAFT_INVALID_ARGUMENT, gr_module_loc(m), "no file is named to load from");
  const graft_status status = gr_take_options(m->context, &o, sizeof o, options);
  if (status) return status;
  gr_buffer *file = gr_file_read(m->context, path, o.map);
  return file ? load_file(m, file, path, &o) : gr_outcome(m->context, errors, GRAFT_OK);
}

static graft_status load_memory(graft_module *m, const void *bytes, size_t size, const char *name,
                                const graft_state_options *options) {
  graft_state_options o = {.size = sizeof o};
  const graft_status status = gr_take_options(m->context, &o, sizeof o, options);
  if (status) return status;
  if (!bytes && size) return gr_error(m->context, GRAFT_INVALID_ARGUMENT, (gr_loc){.file = name}, "there are no bytes");
  gr_buffer *file = gr_buffer_alloc(m->context, size);
  if (!file) return GRAFT_NO_MEMORY;
  if (size) memcpy(file->data, bytes, size);
  return load_file(m, file, name, &o);
}

graft_status graft_state_load(graft_module *m, const char *path, const graft_state_options *options) {
  if (!GR_LIVE(m, MODULE)) return GRAFT_INVALID_ARGUMENT;
  const uint32_t errors = gr_error_count(m->context);
  return gr_outcome(m->context, errors, load(m, path, options));
}

graft_status graft_state_load_memory(graft_module *m, const void *bytes, size_t size, const char *name,
                                     const graft_state_options *options) {
  if (!GR_LIVE(m, MODULE)) return GRAFT_INVALID_ARGUMENT;
  const uint32_t errors = gr_error_count(m->context);
  return gr_outcome(m->context, errors, load_memory(m, bytes, size, name ? name : "", options));
}
