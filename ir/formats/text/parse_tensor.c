/* Tensors: kinds, and data inline, by formula, in a companion file, or elided. */
#include <string.h>

#include "ir/formats/safetensors_int.h"
#include "ir/formats/text/parse_impl.h"

/* ---- data ---- */

/* What a tensor line has said so far. */
typedef struct line {
  gr_token name_token, type_token;
  gr_name name;
  uint32_t type_id;
  graft_type type;
  int64_t elements;
  graft_tensor_kind kind;
  bool fill, fill_named; /* `fill("` and the tensor's name have been read */
} line;

static graft_tensor add(parser *p, const line *t, gr_buffer *buffer, uint64_t offset) {
  return gr_tensor_add(p->module, t->name, t->kind, t->type_id, buffer, offset);
}

/* `from` is just after the opening bracket. Each element takes two characters at least, so a short text cannot ask for
 * much memory. */
static graft_tensor parse_inline(parser *p, const line *t) {
  gr_lexer *l = &p->lex;
  bool scalar = t->type.rank == 0 && l->token.kind != '[';
  if (!scalar && !gr_lex_expect(l, '[', "the elements in [ ]")) return GRAFT_NONE;
  size_t size = graft_dtype_size(t->type.dtype);
  if (t->elements > 1 && t->elements > (l->end - l->p) / 2 + 1) {
    gr_parse_fail(p, GRAFT_SYNTAX, &t->type_token, "the list has fewer elements than the type");
    return GRAFT_NONE;
  }
  gr_buffer *b = gr_buffer_create(p->context, (size_t)t->elements * size);
  if (!b) return GRAFT_NONE;
  int64_t n = 0;
  bool ok = true;
  for (; ok && n < t->elements; n++) {
    if (n > 0 && !gr_lex_accept(l, ',')) break;
    ok = gr_parse_element(p, t->type.dtype, (char *)b->data + (size_t)n * size);
  }
  if (ok && n < t->elements) {
    gr_lex_unexpected(l, "',' and more elements");
    ok = false;
  }
  if (ok && n > 0 && !scalar) (void)gr_lex_accept(l, ',');
  if (ok && !scalar) ok = gr_lex_expect(l, ']', "] after the last element");
  if (ok) return add(p, t, b, 0);
  gr_buffer_release(p->context, b);
  return GRAFT_NONE;
}

static int hex_value(char c) { return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1; }

/* `bytes("0000c07f")`: what decimal cannot say, such as the payload of a NaN. Little endian. */
static graft_tensor parse_bytes(parser *p, const line *t) {
  gr_lexer *l = &p->lex;
  if (!gr_lex_expect(l, '(', NULL)) return GRAFT_NONE;
  gr_token hex = l->token;
  if (!gr_lex_expect(l, GR_T_STRING, "the bytes in hexadecimal") || !gr_lex_expect(l, ')', NULL)) return GRAFT_NONE;
  size_t size = (size_t)t->elements * graft_dtype_size(t->type.dtype);
  if (hex.length != size * 2) {
    gr_parse_fail(p, GRAFT_SYNTAX, &hex, "%zu bytes wanted, two digits each", size);
    return GRAFT_NONE;
  }
  gr_buffer *b = gr_buffer_create(p->context, size);
  if (!b) return GRAFT_NONE;
  for (size_t i = 0; i < size; i++) {
    int high = hex_value(hex.text[2 * i]), low = hex_value(hex.text[2 * i + 1]);
    if (high < 0 || low < 0 || (t->type.dtype == GRAFT_BOOL && high * 16 + low > 1)) {
      gr_parse_fail(p, GRAFT_SYNTAX, &hex, "not bytes of this type in hexadecimal (0-9 a-f)");
      gr_buffer_release(p->context, b);
      return GRAFT_NONE;
    }
    ((unsigned char *)b->data)[i] = (unsigned char)(high * 16 + low);
  }
  return add(p, t, b, 0);
}

/* `, -0.5, 0.5)` */
static bool parse_bounds(parser *p, fill_bounds *b) {
  gr_lexer *l = &p->lex;
  const char *text = l->token.text;
  uint32_t again = gr_parse_again(p, p->recent_fills, text), first_line = l->token.line;
  if (again < RECENT) {
    *b = p->fills[again];
    gr_lex_next(l);
    return true;
  }
  if (!gr_lex_expect(l, ',', NULL) || !gr_lex_number(l, &b->lo) || !gr_lex_expect(l, ',', NULL) ||
      !gr_lex_number(l, &b->hi))
    return false;
  bool plain = l->token.line == first_line;
  const char *end = l->token.text + 1;
  if (!gr_lex_expect(l, ')', NULL)) return false;
  if (plain) p->fills[gr_parse_remember(p, p->recent_fills, text, end, 0)] = *b;
  return true;
}

/* `"NAME", -0.5, 0.5)`, after the bracket. */
static graft_tensor parse_fill(parser *p, const line *t) {
  gr_lexer *l = &p->lex;
  gr_token name = t->fill_named ? t->name_token : l->token;
  fill_bounds bounds;
  if (!t->fill_named && !gr_lex_expect(l, GR_T_STRING, "the name in the formula")) return GRAFT_NONE;
  if (!parse_bounds(p, &bounds)) return GRAFT_NONE;
  if (!gr_is_float(t->type.dtype)) {
    gr_parse_fail(p, GRAFT_TYPE, &t->type_token, "fill makes floats");
    return GRAFT_NONE;
  }
  /* Most are called as their tensor. */
  bool same = t->fill_named || gr_token_same(&name, &t->name_token);
  if (!same && !gr_parse_string(p, &name)) return GRAFT_NONE;
  gr_name fill = same ? t->name : gr_parse_split(p, name.text, name.length);
  graft_tensor id = fill.base == GRAFT_NONE ? GRAFT_NONE : add(p, t, NULL, 0);
  if (id == GRAFT_NONE) return GRAFT_NONE;
  gr_tensor *tensor = &p->module->tensors.data[id];
  tensor->source = GR_TENSOR_FILL;
  tensor->fill = fill;
  tensor->lo = bounds.lo;
  tensor->hi = bounds.hi;
  return id;
}

static graft_tensor parse_elided(parser *p, const line *t) {
  gr_lexer *l = &p->lex;
  if (!gr_lex_expect(l, '(', NULL)) return GRAFT_NONE;
  int64_t hash = l->token.as.i;
  if (!gr_lex_expect(l, GR_T_INT, "the data's hash") || !gr_lex_expect(l, ')', NULL)) return GRAFT_NONE;
  graft_tensor id = add(p, t, NULL, 0);
  if (id == GRAFT_NONE) return GRAFT_NONE;
  p->module->tensors.data[id].source = GR_TENSOR_ELIDED;
  p->module->tensors.data[id].hash = (uint64_t)hash;
  return id;
}

/* ---- companion files ---- */

#define MAX_COMPANIONS 16u

typedef struct visitor {
  parser *p;
  uint32_t file;
} visitor;

static uint64_t companion_key(uint32_t file, uint32_t name) { return (uint64_t)file << 32 | name; }

static graft_status visit(void *user, const char *name, const graft_type *type, const void *data, size_t size) {
  visitor *v = user;
  parser *p = v->p;
  uint32_t id = gr_intern(p->module, name, strlen(name));
  companion_tensor t = {.type = *type, .size = size};
  t.offset = size ? (size_t)((const char *)data - (const char *)p->companions.data[v->file].file->data) : 0;
  if (id == GRAFT_NONE || !gr_vec_push(p->context, &p->companion_tensors, t) ||
      !gr_map_put(p->context, &p->companion_names, companion_key(v->file, id), p->companion_tensors.len - 1))
    return GRAFT_NO_MEMORY;
  return GRAFT_OK;
}

/* The index of a companion, read at its first mention; GRAFT_NONE: an error was reported. */
static uint32_t companion_open(parser *p, const gr_token *name) {
  graft_context *c = p->context;
  const char *text = gr_parse_string(p, name);
  if (!text) return GRAFT_NONE;
  uint32_t id = gr_intern(p->module, text, name->length);
  if (id == GRAFT_NONE) return GRAFT_NONE;
  for (uint32_t i = p->companions.len; i-- > 0;)
    if (p->companions.data[i].name == id) return i;
  if (p->companions.len == MAX_COMPANIONS) {
    gr_parse_fail(p, GRAFT_UNSUPPORTED, name, "more than %u companions", MAX_COMPANIONS);
    return GRAFT_NONE;
  }
  const char *why;
  companion f = {.name = id, .file = gr_beside_read(p->beside, text, &why)};
  if (!f.file) {
    if (why)
      gr_parse_fail(p, GRAFT_IO, name, "the companion %s", why);
    else
      gr_note(c, gr_token_loc(&p->lex, name), "named here");
    return GRAFT_NONE;
  }
  visitor v = {p, p->companions.len};
  if (!gr_vec_push(c, &p->companions, f)) return GRAFT_NONE;
  if (gr_safetensors_parse(c, f.file, text, visit, &v) == GRAFT_OK) return v.file;
  gr_note(c, gr_token_loc(&p->lex, name), "named here");
  return GRAFT_NONE;
}

/* However many lines name it, the bytes are copied and read for their hash once. */
static graft_tensor add_found(parser *p, const line *t, uint32_t file, companion_tensor *found, uint64_t hash) {
  gr_buffer *whole = p->companions.data[file].file;
  const char *data = (const char *)whole->data + found->offset;
  if (!found->buffer && (uintptr_t)data % graft_dtype_size(found->type.dtype) == 0)
    found->buffer = gr_buffer_retain(whole);
  if (!found->buffer) {
    found->buffer = gr_buffer_create(p->context, found->size);
    if (!found->buffer) return GRAFT_NONE;
    memcpy(found->buffer->data, data, found->size);
    found->offset = 0;
  }
  const graft_tensor id = add(p, t, gr_buffer_retain(found->buffer), found->offset);
  if (id == GRAFT_NONE || !hash) return id;
  p->module->tensors.data[id].hash = found->hash;
  found->hash = gr_tensor_hash(p->module, id);
  if (found->hash == hash) return id;
  gr_parse_fail(p, GRAFT_FORMAT, &t->name_token,
                "tensor %%%.*s: its bytes in the companion are not those that the text was written with",
                (int)t->name_token.length, t->name_token.text);
  return GRAFT_NONE;
}

/* `file("net.safetensors", "name", 0x…)`: the tensor's name in the file, if another, and the hash of its bytes, which
 * texts by hand need not have. */
static graft_tensor parse_file(parser *p, const line *t) {
  gr_lexer *l = &p->lex;
  if (!gr_lex_expect(l, '(', NULL)) return GRAFT_NONE;
  gr_token name = l->token, key = t->name_token;
  uint64_t hash = 0;
  if (!gr_lex_expect(l, GR_T_STRING, "the file's name")) return GRAFT_NONE;
  bool more = gr_lex_accept(l, ',');
  if (more && l->token.kind != GR_T_INT) {
    key = l->token;
    if (!gr_lex_expect(l, GR_T_STRING, "the tensor's name in the file, or its hash")) return GRAFT_NONE;
    more = gr_lex_accept(l, ',');
  }
  if (more) {
    hash = (uint64_t)l->token.as.i;
    if (!gr_lex_expect(l, GR_T_INT, "the hash of the tensor's bytes")) return GRAFT_NONE;
  }
  if (!gr_lex_expect(l, ')', NULL)) return GRAFT_NONE;
  uint32_t file = companion_open(p, &name);
  if (file == GRAFT_NONE) return GRAFT_NONE;
  uint32_t id = gr_intern_find(p->module, key.text, key.length);
  uint32_t index = id == GRAFT_NONE ? GRAFT_NONE : gr_map_get(&p->companion_names, companion_key(file, id));
  if (index == GRAFT_NONE) {
    gr_parse_fail(p, GRAFT_NAME, &key, "the file has no tensor '%.*s'", (int)key.length, key.text);
    return GRAFT_NONE;
  }
  companion_tensor *found = &p->companion_tensors.data[index];
  if (!gr_type_equal(&found->type, &t->type)) {
    gr_parse_fail(p, GRAFT_TYPE, &t->type_token, "the file has another dtype or shape");
    return GRAFT_NONE;
  }
  return add_found(p, t, file, found, hash);
}

/* ---- the line ---- */

static bool parse_kind(parser *p, graft_tensor_kind *kind) {
  for (int i = 0; i < GR_TENSOR_KIND_COUNT; i++)
    if (gr_lex_accept_word(&p->lex, gr_tensor_kinds[i])) {
      *kind = (graft_tensor_kind)i;
      return true;
    }
  return gr_lex_no_word(&p->lex, "the tensor's kind", gr_tensor_kinds, GR_TENSOR_KIND_COUNT);
}

/* Behind `fill(`: most fills are called as their tensor, which is seen without reading it. */
static void begin_fill(parser *p, line *t) {
  const char *at = p->lex.p;
  uint32_t length = t->name_token.length;
  t->fill = true;
  t->fill_named = (size_t)(p->lex.end - at) > length + 2 && at[0] == '"' && at[length + 1] == '"' &&
                  memcmp(at + 1, t->name_token.text, length) == 0 && t->name_token.text[-1] == '%';
  if (t->fill_named) p->lex.p += length + 2;
  gr_lex_next(&p->lex);
}

/* `: f32[2, 3] parameter =`, and `fill(` where that follows. */
static bool parse_head(parser *p, line *t) {
  gr_lexer *l = &p->lex;
  t->type_token = l->token;
  const char *text = l->token.text;
  uint32_t again = gr_parse_again(p, p->recent_heads, text), first_line = l->token.line;
  if (again < RECENT) {
    t->type_id = p->heads[again].type;
    t->kind = p->heads[again].kind;
    begin_fill(p, t);
  } else {
    if (!gr_lex_expect(l, ':', "':' and the tensor's type")) return false;
    t->type_token = l->token;
    if (!gr_parse_type(p, &t->type_id) || !parse_kind(p, &t->kind) ||
        !gr_lex_expect(l, '=', "'=' and the tensor's data"))
      return false;
    bool fill = gr_lex_accept_word(l, "fill");
    if (fill && l->token.kind != '(') return gr_lex_expect(l, '(', NULL);
    if (fill) { /* what only ends in `=` would be taken for the longer text */
      if (l->token.line == first_line)
        p->heads[gr_parse_remember(p, p->recent_heads, text, l->token.text + 1, 0)] =
            (tensor_head){t->type_id, t->kind};
      begin_fill(p, t);
    }
  }
  t->type = p->module->types.data[t->type_id];
  t->elements = graft_type_elements(&t->type);
  return (t->elements >= 0 && t->type.dtype != GRAFT_UNKNOWN && t->elements <= INT64_MAX / 8) ||
         gr_parse_fail(p, GRAFT_TYPE, &t->type_token, "a tensor's dtype and extents must all be known");
}

/* After the name. */
static bool parse_line(parser *p, line *t) {
  gr_lexer *l = &p->lex;
  uint32_t what = gr_scope_get(&p->scope, t->name);
  if (what != GRAFT_NONE && what != SCOPE_LOST)
    return gr_parse_fail(p, GRAFT_NAME, &t->name_token, "%%%.*s is defined already", (int)t->name_token.length,
                         t->name_token.text);
  if (!parse_head(p, t)) return false;
  graft_tensor id;
  if (t->fill)
    id = parse_fill(p, t);
  else if (gr_lex_accept_word(l, "file"))
    id = parse_file(p, t);
  else if (gr_lex_accept_word(l, "elided"))
    id = parse_elided(p, t);
  else if (gr_lex_accept_word(l, "bytes"))
    id = parse_bytes(p, t);
  else
    id = parse_inline(p, t);
  return id != GRAFT_NONE && gr_scope_put(p->context, &p->scope, t->name, SCOPE_TENSOR | id);
}

bool gr_parse_tensor(parser *p) {
  line t = {.name_token = p->lex.token};
  if (!gr_lex_expect(&p->lex, GR_T_VALUE, "the tensor's %name") || !gr_parse_name(p, &t.name_token, &t.name))
    return false;
  return parse_line(p, &t) || (gr_parse_lose(p, t.name), false);
}
