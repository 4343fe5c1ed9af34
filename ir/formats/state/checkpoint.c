/* PyTorch's checkpoints: the archive, the pickle in it, and of its dicts the one that is the state. */
#include "ir/formats/state/pickle_impl.h"
#include "ir/formats/state/read_impl.h"

#define MAX_CANDIDATES 16u /* that are named */

typedef struct checkpoint {
  gr_state *state;
  gr_zip archive;
  gr_pickle pickle;
} checkpoint;

static graft_status bad(const checkpoint *c, graft_status code, const char *what) {
  return gr_error(c->state->context, code, gr_state_loc(c->state), "%s", what);
}

/* ---- the archive ---- */

static graft_status find_pickle(const checkpoint *c, gr_text *folder, gr_text *text) {
  static const char file[] = "data.pkl";
  const size_t length = sizeof file - 1;
  const gr_texts *names = &c->archive.names;
  uint32_t found = 0;
  for (uint32_t i = 0; i < names->items.len; i++) {
    const gr_text name = names->items.data[i];
    if (name.length < length || memcmp(name.bytes + name.length - length, file, length) != 0) continue;
    const size_t before = name.length - length;
    const char *slash = memchr(name.bytes, '/', name.length);
    if (before && slash != name.bytes + before - 1) continue; /* deeper, or another name */
    *folder = (gr_text){name.bytes, before};
    *text = gr_zip_find(&c->archive, name);
    if (!text->bytes) return GRAFT_UNSUPPORTED;
    found++;
  }
  if (found > 1) return bad(c, GRAFT_FORMAT, "the archive has more than one data.pkl");
  return found ? GRAFT_OK : bad(c, GRAFT_FORMAT, "the archive has no data.pkl: torch.save did not write it");
}

/* The bytes of an entry beside the pickle. */
static gr_text beside(checkpoint *c, gr_text folder, const char *name) {
  gr_sink text;
  gr_sink_init(&text, c->state->context);
  gr_sink_write(&text, folder.bytes, folder.length);
  gr_sink_text(&text, name);
  const gr_text bytes =
      text.failed ? (gr_text){0} : gr_zip_find(&c->archive, (gr_text){text.bytes.data, text.bytes.len});
  gr_sink_free(&text);
  return bytes;
}

static graft_status check_archive(checkpoint *c, gr_text folder) {
  if (beside(c, folder, "constants.pkl").bytes)
    return bad(c, GRAFT_UNSUPPORTED,
               "a TorchScript module; what is read here is what torch.save(net.state_dict()) wrote");
  const gr_text order = beside(c, folder, "byteorder");
  if (order.bytes && !gr_text_is(order, "little")) return bad(c, GRAFT_UNSUPPORTED, "it is of a big-endian machine");
  return GRAFT_OK;
}

/* ---- which dict ---- */

static bool is_dict(const checkpoint *c, uint32_t value) {
  return gr_pickled_at(&c->pickle, value)->kind == GR_PICKLED_DICT;
}

static const gr_pickled_pair *first_pair(const checkpoint *c, uint32_t dict) {
  const uint32_t at = gr_pickled_at(&c->pickle, dict)->as.in.first;
  return at == GRAFT_NONE ? NULL : &c->pickle.pairs.data[at];
}
static const gr_pickled_pair *next_pair(const checkpoint *c, const gr_pickled_pair *pair) {
  return pair->next == GRAFT_NONE ? NULL : &c->pickle.pairs.data[pair->next];
}

/* The key where it is a text, else no bytes. */
static gr_text key_of(const checkpoint *c, const gr_pickled_pair *pair) {
  const gr_pickled *key = gr_pickled_at(&c->pickle, pair->key);
  return key->kind == GR_PICKLED_TEXT ? gr_pickled_text(key) : (gr_text){0};
}

static bool holds_tensors(const checkpoint *c, uint32_t dict) { return gr_pickled_at(&c->pickle, dict)->tensors; }

/* The longest key that a path begins with, as a word of it. */
static const gr_pickled_pair *first_step(const checkpoint *c, uint32_t dict, const char *path) {
  const gr_pickled_pair *longest = NULL;
  const size_t length = strlen(path);
  for (const gr_pickled_pair *p = first_pair(c, dict); p; p = next_pair(c, p)) {
    const gr_text key = key_of(c, p);
    if (!key.bytes || key.length > length || memcmp(key.bytes, path, key.length) != 0) continue;
    if (path[key.length] && path[key.length] != '.') continue;
    if (!longest || key.length > key_of(c, longest).length) longest = p;
  }
  return longest;
}

/* The dict that the option names: a key, or several with dots between. */
static graft_status follow(const checkpoint *c, uint32_t root, const char *path, uint32_t *chosen) {
  const char *rest = path;
  for (*chosen = root; is_dict(c, *chosen); rest++) {
    const gr_pickled_pair *step = first_step(c, *chosen, rest);
    if (!step) break;
    *chosen = step->value;
    rest += key_of(c, step).length;
    if (!*rest && is_dict(c, *chosen)) return GRAFT_OK;
    if (!*rest) break;
  }
  return gr_error(c->state->context, GRAFT_NAME, gr_state_loc(c->state), "the file has no dict '%.200s'", path);
}

static graft_status ambiguous(const checkpoint *c, const gr_text *names, uint32_t count) {
  gr_sink list;
  gr_sink_init(&list, c->state->context);
  for (uint32_t i = 0; i < count && i < MAX_CANDIDATES; i++) {
    gr_sink_text(&list, i ? ", " : "");
    gr_sink_write(&list, names[i].bytes, names[i].length < 100 ? names[i].length : 100);
  }
  if (count > MAX_CANDIDATES) gr_sink_format(&list, " and %u more", count - MAX_CANDIDATES);
  gr_sink_write(&list, "", 1);
  const graft_status status =
      list.failed ? GRAFT_NO_MEMORY
                  : gr_error(c->state->context, GRAFT_NAME, gr_state_loc(c->state),
                             "the file has several dicts of tensors, of which one must be named: %s", list.bytes.data);
  gr_sink_free(&list);
  return status;
}

/* The root, or the one dict in it that has tensors. */
static graft_status choose(const checkpoint *c, uint32_t root, uint32_t *chosen) {
  gr_text names[MAX_CANDIDATES];
  uint32_t count = 0;
  if (!is_dict(c, root)) return bad(c, GRAFT_FORMAT, "the file holds no dict of tensors");
  *chosen = root;
  if (holds_tensors(c, root)) return GRAFT_OK;
  for (const gr_pickled_pair *p = first_pair(c, root); p; p = next_pair(c, p)) {
    const gr_text key = key_of(c, p);
    if (!key.bytes || !is_dict(c, p->value) || !holds_tensors(c, p->value)) continue;
    if (count < MAX_CANDIDATES) names[count] = key;
    *chosen = p->value;
    count++;
  }
  if (count == 0) return bad(c, GRAFT_FORMAT, "the file holds no dict of tensors");
  return count == 1 ? GRAFT_OK : ambiguous(c, names, count);
}

/* ---- its tensors ---- */

static char *copy_key(const checkpoint *c, gr_text key, const char *tail) {
  const size_t more = strlen(tail);
  char *text = gr_arena_alloc(&c->state->texts, key.length + more + 1);
  if (!text) return NULL;
  memcpy(text, key.bytes, key.length);
  memcpy(text + key.length, tail, more + 1);
  return text;
}

static bool add_entry(const checkpoint *c, gr_text key, const char *tail, gr_state_entry e) {
  e.key = copy_key(c, key, tail);
  return e.key && gr_vec_push(c->state->context, &c->state->entries, e);
}

/* A scalar that stands in the pickle, not in the archive. */
static bool add_scalar(const checkpoint *c, gr_text key, const char *tail, graft_dtype dtype, const void *value) {
  char *data = gr_arena_alloc(&c->state->texts, 8);
  if (!data) return false;
  memcpy(data, value, graft_dtype_size(dtype));
  return add_entry(c, key, tail, (gr_state_entry){.type = {.dtype = dtype}, .data = data});
}

/* A quantized tensor is its integers, and KEY.scale and KEY.zero_point beside them. */
static bool add_tensor(const checkpoint *c, gr_text key, const gr_pickled_tensor *t) {
  if (!add_entry(c, key, "", t->view)) return false;
  if (!t->quantized) return true;
  if (t->scales != GRAFT_NONE)
    return add_entry(c, key, ".scale", c->pickle.tensors.data[t->scales].view) &&
           add_entry(c, key, ".zero_point", c->pickle.tensors.data[t->zero_points].view);
  const float narrow = (float)t->scale;
  const bool wide = (double)narrow != t->scale;
  return add_scalar(c, key, ".scale", wide ? GRAFT_F64 : GRAFT_F32, wide ? (const void *)&t->scale : &narrow) &&
         add_scalar(c, key, ".zero_point", GRAFT_I64, &t->zero_point);
}

static graft_status add_pair(const checkpoint *c, const gr_pickled_pair *pair, gr_texts *keys) {
  const gr_text key = key_of(c, pair);
  const gr_pickled *value = gr_pickled_at(&c->pickle, pair->value);
  if (!key.bytes) return bad(c, GRAFT_FORMAT, "a key is no text");
  if (memchr(key.bytes, '\0', key.length) || !gr_utf8_valid(key.bytes, key.length))
    return bad(c, GRAFT_FORMAT, "a key is no text in UTF-8");
  if (gr_texts_find(keys, key) != GRAFT_NONE)
    return gr_error(c->state->context, GRAFT_FORMAT, gr_state_loc(c->state), "key %.*s is there twice",
                    (int)(key.length < 200 ? key.length : 200), key.bytes);
  if (!gr_texts_add(c->state->context, keys, key)) return GRAFT_NO_MEMORY;
  if (value->kind == GR_PICKLED_NONE) return GRAFT_OK; /* a bias that is not there */
  if (value->kind == GR_PICKLED_TENSOR)
    return add_tensor(c, key, &c->pickle.tensors.data[value->as.i]) ? GRAFT_OK : GRAFT_NO_MEMORY;
  return add_entry(c, key, "", (gr_state_entry){.type = {.rank = -1}}) ? GRAFT_OK : GRAFT_NO_MEMORY;
}

/* Of a module: 1 where it does not say. PyTorch writes it first; a few more are looked at, so that a dict which is
 * there under many names costs no more than its names. */
static int64_t version_in(const checkpoint *c, uint32_t dict) {
  int looked = 0;
  for (const gr_pickled_pair *p = first_pair(c, dict); p && looked < 8; p = next_pair(c, p), looked++) {
    const gr_pickled *value = gr_pickled_at(&c->pickle, p->value);
    if (gr_text_is(key_of(c, p), "version") && value->kind == GR_PICKLED_INT) return value->as.i;
  }
  return 1;
}

/* {"conv": {"version": 2}, …} */
static graft_status read_versions(const checkpoint *c, uint32_t dict) {
  gr_state *s = c->state;
  const uint32_t metadata = gr_pickled_at(&c->pickle, dict)->count;
  if (metadata == GR_PICKLED_NOTHING) return GRAFT_OK;
  for (const gr_pickled_pair *p = first_pair(c, metadata); p; p = next_pair(c, p)) {
    const gr_text module = key_of(c, p);
    if (!module.bytes || !is_dict(c, p->value)) return bad(c, GRAFT_FORMAT, "_metadata is not as torch.save writes it");
    if (gr_texts_find(&s->modules, module) != GRAFT_NONE) return bad(c, GRAFT_FORMAT, "_metadata has a module twice");
    if (!gr_texts_add(s->context, &s->modules, module) ||
        !gr_vec_push(s->context, &s->versions, version_in(c, p->value)))
      return GRAFT_NO_MEMORY;
  }
  return GRAFT_OK;
}

static graft_status read_dict(const checkpoint *c, uint32_t dict) {
  gr_texts keys = {0};
  graft_status status = read_versions(c, dict);
  for (const gr_pickled_pair *p = first_pair(c, dict); !status && p; p = next_pair(c, p))
    status = add_pair(c, p, &keys);
  gr_texts_free(c->state->context, &keys);
  return status;
}

static graft_status read(checkpoint *c, const char *path) {
  gr_text folder = {0}, text = {0};
  graft_status status = gr_zip_read(&c->archive, c->state->context, c->state->file, c->state->path);
  if (!status) status = find_pickle(c, &folder, &text);
  if (!status) status = check_archive(c, folder);
  if (status) return status;
  status = gr_pickle_read(&c->pickle, &c->archive, folder, text);
  const uint32_t root = status ? 0 : c->pickle.stack.data[0];
  uint32_t dict = 0;
  if (!status) status = path[0] ? follow(c, root, path, &dict) : choose(c, root, &dict);
  if (!status) status = read_dict(c, dict);
  gr_pickle_free(&c->pickle);
  return status;
}

graft_status gr_state_read_checkpoint(gr_state *s, const char *path) {
  checkpoint c = {.state = s};
  const uint32_t errors = gr_error_count(s->context);
  const graft_status status = gr_outcome(s->context, errors, read(&c, path));
  gr_zip_free(&c.archive);
  return status;
}
