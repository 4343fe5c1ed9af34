#include "ir/formats/state/pickle_impl.h"

#include <stdarg.h>
#include <stdio.h>

#define MAX_VALUES (UINT32_C(1) << 25) /* a state of two million tensors */

bool gr_pickle_fail(gr_pickle *p, graft_status code, const char *format, ...) {
  char text[400];
  va_list args;
  va_start(args, format);
  (void)vsnprintf(text, sizeof text, format, args);
  va_end(args);
  gr_error(p->context, code, (gr_loc){.file = p->path}, "data.pkl, byte %zu: %s", p->at, text);
  return false;
}

static bool bad(gr_pickle *p, const char *what) {
  gr_pickle_fail(p, GRAFT_FORMAT, "%s", what);
  return false;
}

/* ---- bytes ---- */

static const char *take(gr_pickle *p, uint64_t count) {
  if (count > p->text.length - p->at) return bad(p, "the pickle is cut short"), NULL;
  const char *bytes = p->text.bytes + p->at;
  p->at += (size_t)count;
  return bytes;
}

/* Little-endian, of at most 8 bytes. */
static bool take_number(gr_pickle *p, unsigned width, uint64_t *value) {
  const char *bytes = take(p, width);
  *value = 0;
  for (unsigned i = 0; bytes && i < width; i++) *value |= (uint64_t)(unsigned char)bytes[i] << (8 * i);
  return bytes != NULL;
}

static bool take_line(gr_pickle *p, gr_text *line) {
  const char *begin = p->text.bytes + p->at, *end = memchr(begin, '\n', p->text.length - p->at);
  if (!end) return bad(p, "the pickle is cut short");
  *line = (gr_text){begin, (size_t)(end - begin)};
  p->at += line->length + 1;
  return true;
}

/* ---- the stack ---- */

static bool push_value(gr_pickle *p, uint32_t value) { return gr_vec_push(p->context, &p->stack, value); }

/* GRAFT_NONE: no memory, or too many. */
static uint32_t new_value(gr_pickle *p, gr_pickled v) {
  if (p->values.len == MAX_VALUES) return bad(p, "the pickle has more than 2^25 values"), GRAFT_NONE;
  return gr_vec_push(p->context, &p->values, v) ? p->values.len - 1 : GRAFT_NONE;
}

bool gr_pickle_push(gr_pickle *p, gr_pickled v) {
  const uint32_t value = new_value(p, v);
  return value != GRAFT_NONE && push_value(p, value);
}

static uint32_t floor_of(const gr_pickle *p) { return p->marks.len ? p->marks.data[p->marks.len - 1] : 0; }

static bool pop(gr_pickle *p, uint32_t *value) {
  if (p->stack.len <= floor_of(p)) return bad(p, "an opcode lacks its operand");
  *value = p->stack.data[--p->stack.len];
  return true;
}

static bool top_is(gr_pickle *p, gr_pickle_kind kind, uint32_t *value) {
  if (p->stack.len <= floor_of(p) || gr_pickled_at(p, p->stack.data[p->stack.len - 1])->kind != kind)
    return bad(p, "an opcode lacks its operand");
  *value = p->stack.data[p->stack.len - 1];
  return true;
}

/* Where the values behind the last mark begin; the mark goes, they stay for the caller. */
static bool pop_mark(gr_pickle *p, uint32_t *first) {
  if (p->marks.len == 0) return bad(p, "an opcode lacks its mark");
  *first = p->marks.data[--p->marks.len];
  return true;
}

static bool make_tuple(gr_pickle *p, uint32_t first) {
  const uint32_t count = p->stack.len - first;
  gr_pickled v = {.kind = GR_PICKLED_TUPLE, .count = count, .as.in.first = p->items.len};
  if (!gr_vec_reserve(p->context, &p->items, count)) return false;
  for (uint32_t i = 0; i < count; i++) p->items.data[p->items.len++] = p->stack.data[first + i];
  p->stack.len = first;
  return gr_pickle_push(p, v);
}

static bool make_small_tuple(gr_pickle *p, uint32_t count) {
  if (p->stack.len - floor_of(p) < count) return bad(p, "an opcode lacks its operand");
  return make_tuple(p, p->stack.len - count);
}

static bool push_int(gr_pickle *p, int64_t value) {
  return gr_pickle_push(p, (gr_pickled){.kind = GR_PICKLED_INT, .as.i = value});
}

static bool push_text(gr_pickle *p, uint64_t length) {
  if (length > UINT32_MAX) return bad(p, "the pickle is cut short");
  const char *text = take(p, length);
  return text && gr_pickle_push(p, (gr_pickled){.kind = GR_PICKLED_TEXT, .count = (uint32_t)length, .as.text = text});
}

static bool put_memo(gr_pickle *p, uint64_t index) {
  if (p->stack.len <= floor_of(p)) return bad(p, "an opcode lacks its operand");
  if (index > p->memo.len) return bad(p, "a memo's number is not the next one");
  const uint32_t value = p->stack.data[p->stack.len - 1];
  if (index == p->memo.len) return gr_vec_push(p->context, &p->memo, value);
  p->memo.data[index] = value;
  return true;
}

static bool get_memo(gr_pickle *p, uint64_t index) {
  return index < p->memo.len ? push_value(p, p->memo.data[index]) : bad(p, "a memo that was not put");
}

static bool add_pair(gr_pickle *p, uint32_t dict, uint32_t key, uint32_t value) {
  const gr_pickled_pair pair = {key, value, GRAFT_NONE};
  if (!gr_vec_push(p->context, &p->pairs, pair)) return false;
  gr_pickled *d = &p->values.data[dict];
  const uint32_t at = p->pairs.len - 1;
  d->tensors |= gr_pickled_at(p, key)->kind == GR_PICKLED_TEXT && gr_pickled_at(p, value)->kind == GR_PICKLED_TENSOR;
  if (d->as.in.first == GRAFT_NONE)
    d->as.in.first = at;
  else
    p->pairs.data[d->as.in.last].next = at;
  d->as.in.last = at;
  return true;
}

/* ---- the opcodes ---- */

static bool do_mark(gr_pickle *p) { return gr_vec_push(p->context, &p->marks, p->stack.len); }
static bool do_stop(gr_pickle *p) {
  if (p->stack.len != 1 || p->marks.len) return bad(p, "the pickle does not end with one value");
  return p->stopped = true;
}
static bool do_none(gr_pickle *p) { return push_value(p, GR_PICKLED_NOTHING); }
static bool do_newtrue(gr_pickle *p) { return push_value(p, 2); }
static bool do_newfalse(gr_pickle *p) { return push_value(p, 1); }
static bool do_empty_tuple(gr_pickle *p) { return push_value(p, 3); }

static bool do_binint(gr_pickle *p) {
  uint64_t v;
  return take_number(p, 4, &v) && push_int(p, (int32_t)(uint32_t)v);
}
static bool do_binint1(gr_pickle *p) {
  uint64_t v;
  return take_number(p, 1, &v) && push_int(p, (int64_t)v);
}
static bool do_binint2(gr_pickle *p) {
  uint64_t v;
  return take_number(p, 2, &v) && push_int(p, (int64_t)v);
}

static bool take_long(gr_pickle *p, uint64_t width) {
  uint64_t v = 0;
  if (width > 8) return bad(p, "an integer of more than 64 bits");
  if (!take_number(p, (unsigned)width, &v)) return false;
  if (width > 0 && width < 8 && v >> (8 * width - 1)) v |= UINT64_MAX << (8 * width);
  return push_int(p, (int64_t)v);
}
static bool do_long1(gr_pickle *p) {
  uint64_t width;
  return take_number(p, 1, &width) && take_long(p, width);
}
static bool do_long4(gr_pickle *p) {
  uint64_t width;
  return take_number(p, 4, &width) && take_long(p, width);
}
static bool do_binfloat(gr_pickle *p) {
  uint64_t little;
  gr_pickled v = {.kind = GR_PICKLED_FLOAT};
  if (!take_number(p, 8, &little)) return false;
  const uint64_t bits = __builtin_bswap64(little);
  memcpy(&v.as.f, &bits, sizeof bits);
  return gr_pickle_push(p, v);
}

static bool do_binunicode(gr_pickle *p) {
  uint64_t length;
  return take_number(p, 4, &length) && push_text(p, length);
}
static bool do_short_binunicode(gr_pickle *p) {
  uint64_t length;
  return take_number(p, 1, &length) && push_text(p, length);
}
static bool do_binunicode8(gr_pickle *p) {
  uint64_t length;
  return take_number(p, 8, &length) && push_text(p, length);
}

static bool do_tuple1(gr_pickle *p) { return make_small_tuple(p, 1); }
static bool do_tuple2(gr_pickle *p) { return make_small_tuple(p, 2); }
static bool do_tuple3(gr_pickle *p) { return make_small_tuple(p, 3); }
static bool do_tuple(gr_pickle *p) {
  uint32_t first;
  return pop_mark(p, &first) && make_tuple(p, first);
}

static bool do_empty_list(gr_pickle *p) { return gr_pickle_push(p, (gr_pickled){.kind = GR_PICKLED_LIST}); }
static bool do_append(gr_pickle *p) {
  uint32_t item, list;
  return pop(p, &item) && top_is(p, GR_PICKLED_LIST, &list);
}
static bool do_appends(gr_pickle *p) {
  uint32_t first, list;
  if (!pop_mark(p, &first)) return false;
  p->stack.len = first;
  return top_is(p, GR_PICKLED_LIST, &list);
}

static gr_pickled empty_dict(bool ordered) {
  return (gr_pickled){.kind = GR_PICKLED_DICT, .ordered = ordered, .as.in = {GRAFT_NONE, GRAFT_NONE}};
}
static bool do_empty_dict(gr_pickle *p) { return gr_pickle_push(p, empty_dict(false)); }
static bool do_setitem(gr_pickle *p) {
  uint32_t value, key, dict;
  return pop(p, &value) && pop(p, &key) && top_is(p, GR_PICKLED_DICT, &dict) && add_pair(p, dict, key, value);
}
static bool do_setitems(gr_pickle *p) {
  uint32_t first, dict;
  if (!pop_mark(p, &first)) return false;
  const uint32_t end = p->stack.len;
  p->stack.len = first; /* what stood behind is still there: nothing is pushed below */
  if ((end - first) % 2) return bad(p, "a key without its value");
  if (!top_is(p, GR_PICKLED_DICT, &dict)) return false;
  for (uint32_t i = first; i < end; i += 2)
    if (!add_pair(p, dict, p->stack.data[i], p->stack.data[i + 1])) return false;
  return true;
}

static bool do_binput(gr_pickle *p) {
  uint64_t index;
  return take_number(p, 1, &index) && put_memo(p, index);
}
static bool do_long_binput(gr_pickle *p) {
  uint64_t index;
  return take_number(p, 4, &index) && put_memo(p, index);
}
static bool do_memoize(gr_pickle *p) { return put_memo(p, p->memo.len); }
static bool do_binget(gr_pickle *p) {
  uint64_t index;
  return take_number(p, 1, &index) && get_memo(p, index);
}
static bool do_long_binget(gr_pickle *p) {
  uint64_t index;
  return take_number(p, 4, &index) && get_memo(p, index);
}

static bool push_global(gr_pickle *p, gr_text module, gr_text name) {
  const uint32_t global = gr_pickle_global(p, module, name);
  return global != GRAFT_NONE && gr_pickle_push(p, (gr_pickled){.kind = GR_PICKLED_GLOBAL, .as.i = global});
}
static bool do_global(gr_pickle *p) {
  gr_text module, name;
  return take_line(p, &module) && take_line(p, &name) && push_global(p, module, name);
}
static bool do_stack_global(gr_pickle *p) {
  uint32_t name, module;
  if (!top_is(p, GR_PICKLED_TEXT, &name) || !pop(p, &name) || !top_is(p, GR_PICKLED_TEXT, &module) || !pop(p, &module))
    return false;
  return push_global(p, gr_pickled_text(gr_pickled_at(p, module)), gr_pickled_text(gr_pickled_at(p, name)));
}

static bool do_reduce(gr_pickle *p) {
  uint32_t arguments, callee;
  if (!top_is(p, GR_PICKLED_TUPLE, &arguments) || !pop(p, &arguments) || !top_is(p, GR_PICKLED_GLOBAL, &callee) ||
      !pop(p, &callee))
    return false;
  const gr_pickled f = *gr_pickled_at(p, callee), x = *gr_pickled_at(p, arguments); /* the list may move */
  return gr_pickle_call(p, &f, &x);
}

/* What was set on an OrderedDict as an attribute: `_metadata`, with the version of each module. */
static bool do_build(gr_pickle *p) {
  uint32_t state, object;
  if (!top_is(p, GR_PICKLED_DICT, &state) || !pop(p, &state) || !top_is(p, GR_PICKLED_DICT, &object)) return false;
  const uint32_t first = gr_pickled_at(p, state)->as.in.first, last = gr_pickled_at(p, state)->as.in.last;
  const gr_pickled_pair pair = first == GRAFT_NONE ? (gr_pickled_pair){0} : p->pairs.data[first];
  const gr_pickled *key = gr_pickled_at(p, pair.key);
  if (!gr_pickled_at(p, object)->ordered || first == GRAFT_NONE || first != last || key->kind != GR_PICKLED_TEXT ||
      !gr_text_is(gr_pickled_text(key), "_metadata") || gr_pickled_at(p, pair.value)->kind != GR_PICKLED_DICT)
    return gr_pickle_fail(p, GRAFT_UNSUPPORTED, "refuses BUILD of all but an OrderedDict's _metadata");
  p->values.data[object].count = pair.value;
  return true;
}

static bool do_binpersid(gr_pickle *p) {
  uint32_t id;
  if (!top_is(p, GR_PICKLED_TUPLE, &id) || !pop(p, &id)) return false;
  const gr_pickled v = *gr_pickled_at(p, id);
  return gr_pickle_storage(p, &v);
}

static bool do_proto(gr_pickle *p) {
  uint64_t version;
  if (!take_number(p, 1, &version)) return false;
  return (version >= 2 && version <= 5) || gr_pickle_fail(p, GRAFT_UNSUPPORTED, "pickle's protocol %d", (int)version);
}
static bool do_frame(gr_pickle *p) {
  uint64_t length;
  return take_number(p, 8, &length);
}

static const struct {
  const char *name;
  bool (*step)(gr_pickle *p); /* NULL: refused */
} opcodes[256] = {
#define STEP(byte, name, step) [byte] = {#name, do_##step},
#define REFUSED(byte, name) [byte] = {#name, NULL},
#define GLOBAL(id, module, name)
#define STORAGE(name, dtype, quantized)
#include "ir/formats/state/pickle.def"
};

/* ---- the whole ---- */

static bool run(gr_pickle *p) {
  static const gr_pickled begin[] = {{.kind = GR_PICKLED_NONE},
                                     {.kind = GR_PICKLED_BOOL, .as.i = 0},
                                     {.kind = GR_PICKLED_BOOL, .as.i = 1},
                                     {.kind = GR_PICKLED_TUPLE}};
  for (size_t i = 0; i < sizeof begin / sizeof *begin; i++)
    if (new_value(p, begin[i]) == GRAFT_NONE) return false;
  while (!p->stopped) {
    const char *byte = take(p, 1);
    if (!byte) return false;
    const unsigned char opcode = (unsigned char)*byte;
    if (opcodes[opcode].step) {
      if (!opcodes[opcode].step(p)) return false;
    } else {
      p->at--;
      return opcodes[opcode].name ? gr_pickle_fail(p, GRAFT_UNSUPPORTED, "refuses opcode %s", opcodes[opcode].name)
                                  : gr_pickle_fail(p, GRAFT_FORMAT, "no opcode is 0x%02x", opcode);
    }
  }
  return p->at == p->text.length || bad(p, "bytes follow the pickle");
}

graft_status gr_pickle_read(gr_pickle *p, const gr_zip *archive, gr_text folder, gr_text text) {
  const uint32_t errors = gr_error_count(archive->context);
  *p = (gr_pickle){
      .context = archive->context, .path = archive->path, .archive = archive, .folder = folder, .text = text};
  gr_sink_init(&p->name, p->context);
  if (run(p)) return GRAFT_OK;
  const graft_status status = gr_outcome(p->context, errors, GRAFT_OK); /* of the error that was reported */
  return status ? status : gr_no_memory(p->context);
}

void gr_pickle_free(gr_pickle *p) {
  graft_context *c = p->context;
  gr_vec_free(c, &p->values);
  gr_vec_free(c, &p->items);
  gr_vec_free(c, &p->pairs);
  gr_vec_free(c, &p->storages);
  gr_vec_free(c, &p->tensors);
  gr_vec_free(c, &p->stack);
  gr_vec_free(c, &p->marks);
  gr_vec_free(c, &p->memo);
  gr_sink_free(&p->name);
}
