/* Attribute sets: built in a fixed-size builder, checked against the op's declarations, interned in the module. */
#include "ir/ir_int.h"

#include <float.h>
#include <stdio.h>
#include <string.h>

static graft_attr default_of(const gr_attr_decl *d, const int64_t *repeated) {
  graft_attr a = {.name = d->name, .kind = d->kind};
  if (d->required || d->default_none) a.kind = GRAFT_ATTR_NONE;
  switch (a.kind) {
  case GRAFT_ATTR_BOOL: a.as.b = d->i != 0; break;
  case GRAFT_ATTR_INT: a.as.i = d->i; break;
  case GRAFT_ATTR_FLOAT: a.as.f = d->f; break;
  case GRAFT_ATTR_STRING: a.as.s = gr_choice_words(d->choice)[d->i]; break;
  case GRAFT_ATTR_DTYPE: a.as.dtype = (graft_dtype)d->i; break;
  case GRAFT_ATTR_INTS:
    a.as.ints = repeated;
    a.count = (uint32_t)d->count;
    break;
  default: break;
  }
  return a;
}

/* Defaults of integer lists repeat 0 or 1, at most three times (the table's convolutions and pools). */
static const int64_t zeros[GRAFT_MAX_RANK] = {0}, ones[GRAFT_MAX_RANK] = {1, 1, 1, 1, 1, 1, 1, 1};

void gr_attrs_begin(gr_attr_builder *b, const gr_op_info *op) {
  b->count = op ? op->attr_count : 0;
  for (uint32_t i = 0; i < b->count; i++) b->items[i] = default_of(&op->attrs[i], op->attrs[i].i ? ones : zeros);
}

void gr_attrs_begin_from(gr_attr_builder *b, const graft_module *m, const gr_op_info *op, uint32_t set) {
  uint32_t count;
  gr_attrs_get(m, set, &count);
  b->count = count > GR_MAX_ATTRS ? GR_MAX_ATTRS : count;
  for (uint32_t i = 0; i < b->count; i++) b->items[i] = gr_attr_public(m, op, set, i);
}

bool gr_attr_check(const gr_op_info *op, uint32_t slot, const graft_attr *a, char *message, size_t size) {
  const gr_attr_decl *d = &op->attrs[slot];
  if (a->kind == GRAFT_ATTR_STRING && d->choice != GR_NO_CHOICE && gr_choice_find(d->choice, a->as.s) < 0) {
    char words[200];
    gr_choice_list(d->choice, words, sizeof words);
    gr_closest near = gr_closest_begin(a->as.s, strlen(a->as.s));
    for (const char *const *word = gr_choice_words(d->choice); *word; word++)
      gr_closest_offer(&near, *word, strlen(*word));
    snprintf(message, size, "%s of %s is '%.40s', not one of %s%s", d->name, op->name, a->as.s, words,
             gr_closest_hint(&near, ""));
    return false;
  }
  if (a->kind == GRAFT_ATTR_FLOAT && d->low < d->high && !(a->as.f >= d->low && a->as.f <= d->high)) {
    const bool above = d->low == DBL_TRUE_MIN; /* more than 0 */
    int n = snprintf(message, size, "%s of %s is %g, not ", d->name, op->name, a->as.f);
    if (d->high < FLT_MAX)
      snprintf(message + n, size - (size_t)n, "%s %g and at most %g", above ? "more than" : "at least",
               above ? 0 : d->low, d->high);
    else
      snprintf(message + n, size - (size_t)n, "finite%s",
               above         ? " and positive"
               : d->low == 0 ? " and at least 0"
                             : "");
    return false;
  }
  const bool list = a->kind == GRAFT_ATTR_INTS;
  if ((!list && a->kind != GRAFT_ATTR_INT) || d->least >= d->greatest) return true;
  for (uint32_t i = 0; i < (list ? a->count : 1); i++) {
    const int64_t n = list ? a->as.ints[i] : a->as.i;
    if (n >= d->least && n <= d->greatest) continue;
    snprintf(message, size, "%s of %s is %jd, not from %jd to %jd", d->name, op->name, (intmax_t)n, (intmax_t)d->least,
             (intmax_t)d->greatest);
    return false;
  }
  return true;
}

graft_status gr_attr_given(graft_module *m, const graft_graph *g, const graft_attr *a, gr_loc where) {
  graft_context *c = m->context;
  if (!a || !a->name || !a->name[0]) return gr_error(c, GRAFT_INVALID_ARGUMENT, where, "an attribute without a name");
  const bool missing = (a->kind == GRAFT_ATTR_STRING && !a->as.s) ||
                       (a->kind == GRAFT_ATTR_INTS && a->count && !a->as.ints) ||
                       (a->kind == GRAFT_ATTR_FLOATS && a->count && !a->as.floats);
  if ((unsigned)a->kind > GRAFT_ATTR_GRAPH)
    return gr_error(c, GRAFT_INVALID_ARGUMENT, where, "attribute '%s' is of kind %u, which is none", a->name,
                    (unsigned)a->kind);
  if (missing) return gr_error(c, GRAFT_INVALID_ARGUMENT, where, "attribute '%s' has no value", a->name);
  if (a->kind == GRAFT_ATTR_DTYPE && (unsigned)a->as.dtype >= GRAFT_DTYPE_COUNT)
    return gr_error(c, GRAFT_INVALID_ARGUMENT, where, "attribute '%s' is dtype %u, which is none", a->name,
                    (unsigned)a->as.dtype);
  if (a->kind != GRAFT_ATTR_GRAPH) return GRAFT_OK;
  if (a->as.graph >= m->graphs.len)
    return gr_error(c, GRAFT_INVALID_ARGUMENT, where, "attribute '%s' is graph %u, the module has %u", a->name,
                    a->as.graph, m->graphs.len);
  if (!g || a->as.graph <= g->index)
    return gr_error(c, GRAFT_INVALID_ARGUMENT, where,
                    "attribute '%s' is a graph that does not come after the node's own", a->name);
  return GRAFT_OK;
}

graft_status gr_attrs_set(graft_module *m, gr_attr_builder *b, const gr_op_info *op, const graft_attr *attr,
                          gr_loc where) {
  graft_context *c = m->context;
  graft_attr a = *attr;
  if (!op) {
    for (uint32_t i = 0; i < b->count; i++)
      if (strcmp(b->items[i].name, a.name) == 0) return b->items[i] = a, GRAFT_OK;
    if (b->count == GR_MAX_ATTRS) return gr_error(c, GRAFT_UNSUPPORTED, where, "more than %d attributes", GR_MAX_ATTRS);
    b->items[b->count++] = a;
    return GRAFT_OK;
  }
  int slot = gr_op_attr_slot(op, a.name, strlen(a.name));
  if (slot < 0) return gr_error(c, GRAFT_NAME, where, "%s has no attribute '%s'", op->name, a.name);
  const gr_attr_decl *d = &op->attrs[slot];
  if (a.kind == GRAFT_ATTR_NONE) {
    if (!d->none_allowed)
      return gr_error(c, GRAFT_TYPE, where, "attribute '%s' of %s cannot be none", a.name, op->name);
  } else if (d->kind == GRAFT_ATTR_FLOAT && a.kind == GRAFT_ATTR_INT) {
    a.kind = GRAFT_ATTR_FLOAT;
    a.as.f = (double)a.as.i;
  } else if (a.kind != d->kind && !(d->kind == GRAFT_ATTR_INTS && a.kind == GRAFT_ATTR_FLOATS && a.count == 0)) {
    return gr_error(c, GRAFT_TYPE, where, "attribute '%s' of %s is %s, not %s", a.name, op->name,
                    gr_kind_phrase(d->kind), gr_kind_phrase(a.kind));
  } else if (d->kind == GRAFT_ATTR_INTS) {
    a.kind = GRAFT_ATTR_INTS;
    if (d->count >= 0 && a.count != (uint32_t)d->count)
      return gr_error(c, GRAFT_TYPE, where, "attribute '%s' of %s has %u entries, %d are wanted", a.name, op->name,
                      a.count, d->count);
  }
  char message[GR_ATTR_MESSAGE_SIZE];
  /* what a list holds may not be known yet: gr_attrs_intern checks it */
  if (a.kind != GRAFT_ATTR_INTS && !gr_attr_check(op, (uint32_t)slot, &a, message, sizeof message))
    return gr_error(c, GRAFT_TYPE, where, "%s", message);
  a.name = d->name;
  b->items[slot] = a;
  return GRAFT_OK;
}

static uint64_t bits_of(double f) {
  uint64_t bits;
  memcpy(&bits, &f, sizeof bits);
  return bits;
}

bool gr_attr_equal(const graft_attr *a, const graft_attr *b) {
  if (a->kind != b->kind) return false;
  switch (a->kind) {
  case GRAFT_ATTR_NONE: return true;
  case GRAFT_ATTR_BOOL: return a->as.b == b->as.b;
  case GRAFT_ATTR_INT: return a->as.i == b->as.i;
  case GRAFT_ATTR_FLOAT: return bits_of(a->as.f) == bits_of(b->as.f); /* 0 is not -0, NaN is NaN */
  case GRAFT_ATTR_STRING: return strcmp(a->as.s, b->as.s) == 0;
  case GRAFT_ATTR_DTYPE: return a->as.dtype == b->as.dtype;
  case GRAFT_ATTR_INTS:
    return a->count == b->count && (a->count == 0 || memcmp(a->as.ints, b->as.ints, a->count * sizeof(int64_t)) == 0);
  case GRAFT_ATTR_FLOATS:
    return a->count == b->count &&
           (a->count == 0 || memcmp(a->as.floats, b->as.floats, a->count * sizeof(double)) == 0);
  case GRAFT_ATTR_GRAPH: return a->as.graph == b->as.graph;
  }
  return false;
}

static uint64_t hash_value(const graft_attr *a, uint64_t h) {
  uint64_t bits = 0;
  switch (a->kind) {
  case GRAFT_ATTR_NONE: break;
  case GRAFT_ATTR_BOOL: bits = a->as.b; break;
  case GRAFT_ATTR_INT: bits = (uint64_t)a->as.i; break;
  case GRAFT_ATTR_FLOAT: bits = bits_of(a->as.f); break;
  case GRAFT_ATTR_STRING: bits = gr_hash_bytes(a->as.s, strlen(a->as.s)); break;
  case GRAFT_ATTR_DTYPE: bits = (uint64_t)a->as.dtype; break;
  case GRAFT_ATTR_INTS:
    for (uint32_t i = 0; i < a->count; i++) bits = gr_mix(bits + (uint64_t)a->as.ints[i]) + a->count;
    break;
  case GRAFT_ATTR_FLOATS: bits = gr_hash_bytes(a->as.floats, a->count * sizeof(double)); break;
  case GRAFT_ATTR_GRAPH: bits = a->as.graph; break;
  }
  return gr_mix(h * 0x9e3779b97f4a7c15u + bits);
}

uint64_t gr_attr_hash(const graft_attr *a) { return hash_value(a, (uint64_t)a->kind + 1); }

static uint64_t hash_attr(const graft_attr *a, bool with_name) {
  uint64_t h = (uint64_t)a->kind + 1;
  return hash_value(a, with_name ? h ^ gr_hash_bytes(a->name, strlen(a->name)) : h);
}

/* Every set into free slots. */
static void place_all(const gr_attr_table *t, uint32_t *slots, uint32_t count) {
  for (uint32_t id = 0; id < t->sets.len; id++) {
    uint32_t i = t->sets.data[id].hash & (count - 1);
    while (slots[i]) i = (i + 1) & (count - 1);
    slots[i] = id + 1;
  }
}

static bool rehash(graft_module *m) {
  gr_attr_table *t = &m->attrs;
  uint32_t count = t->slot_count ? t->slot_count * 2 : 64;
  uint32_t *slots = gr_calloc(m->context, count, sizeof *slots);
  if (!slots) return false;
  place_all(t, slots, count);
  gr_free(m->context, t->slots, (size_t)t->slot_count * sizeof *slots);
  t->slots = slots;
  t->slot_count = count;
  return true;
}

/* Where the pools of lists were when a set began to be stored: what the builder borrowed from them may move as they
 * grow. */
typedef struct pools {
  uintptr_t ints, floats;
  size_t ints_size, floats_size;
} pools;

static const void *moved(const void *p, uintptr_t old, size_t size, const void *now) {
  uintptr_t at = (uintptr_t)p;
  return at >= old && at < old + size ? (const char *)now + (at - old) : p;
}

static bool store_string(graft_module *m, const char *text, uint32_t *id) {
  *id = gr_intern(m, text, strlen(text));
  return *id != GRAFT_NONE;
}

/* The stored form of one attribute; its list goes to the pools. */
static bool store(graft_module *m, const gr_op_info *op, uint32_t slot, const pools *was, const graft_attr *a,
                  gr_attr *out) {
  const gr_attr_decl *d = op ? &op->attrs[slot] : NULL;
  gr_attr_table *t = &m->attrs;
  *out = (gr_attr){.kind = (uint16_t)a->kind};
  if (op && a->kind == GRAFT_ATTR_STRING) out->choice = (uint16_t)d->choice;
  if (!op && !store_string(m, a->name, &out->name)) return false;
  switch (a->kind) {
  case GRAFT_ATTR_NONE: break;
  case GRAFT_ATTR_BOOL: out->as.i = a->as.b; break;
  case GRAFT_ATTR_INT: out->as.i = a->as.i; break;
  case GRAFT_ATTR_FLOAT: out->as.f = a->as.f; break;
  case GRAFT_ATTR_DTYPE: out->as.i = a->as.dtype; break;
  case GRAFT_ATTR_GRAPH: out->as.i = a->as.graph; break;
  case GRAFT_ATTR_STRING: {
    uint32_t id;
    if (d && out->choice) {
      out->as.i = gr_choice_find(d->choice, a->as.s);
      break;
    }
    if (!store_string(m, a->as.s, &id)) return false;
    out->as.i = id;
    break;
  }
  case GRAFT_ATTR_INTS:
    if (!gr_vec_reserve(m->context, &t->ints, a->count)) return false;
    out->as.list.offset = t->ints.len;
    out->as.list.count = a->count;
    if (a->count)
      memcpy(t->ints.data + t->ints.len, moved(a->as.ints, was->ints, was->ints_size, t->ints.data),
             a->count * sizeof(int64_t));
    t->ints.len += a->count;
    break;
  case GRAFT_ATTR_FLOATS:
    if (!gr_vec_reserve(m->context, &t->floats, a->count)) return false;
    out->as.list.offset = t->floats.len;
    out->as.list.count = a->count;
    if (a->count)
      memcpy(t->floats.data + t->floats.len, moved(a->as.floats, was->floats, was->floats_size, t->floats.data),
             a->count * sizeof(double));
    t->floats.len += a->count;
    break;
  }
  return true;
}

/* Sets are told apart by their op too only as far as their names differ: {eps} of two ops may share a set. */
static bool same_set(const graft_module *m, const gr_op_info *op, uint32_t id, const gr_attr_builder *b) {
  const gr_attr_set *s = &m->attrs.sets.data[id];
  if (s->count != b->count) return false;
  for (uint32_t i = 0; i < s->count; i++) {
    const gr_attr *stored = &m->attrs.items.data[s->first + i];
    graft_attr a = gr_attr_public(m, op, id, i);
    if (!gr_attr_equal(&a, &b->items[i])) return false;
    if (!op ? strcmp(gr_string_text(m, stored->name), b->items[i].name) != 0 : stored->name != 0) return false;
  }
  return true;
}

uint32_t gr_attrs_intern(graft_module *m, gr_attr_builder *b, const gr_op_info *op, gr_loc where) {
  gr_attr_table *t = &m->attrs;
  uint64_t h = b->count;
  for (uint32_t i = 0; i < b->count; i++) {
    if (op && op->attrs[i].required && b->items[i].kind == GRAFT_ATTR_NONE) {
      gr_error(m->context, GRAFT_TYPE, where, "%s needs the attribute '%s'", op->name, op->attrs[i].name);
      return GRAFT_NONE;
    }
    char message[GR_ATTR_MESSAGE_SIZE];
    if (op && b->items[i].kind == GRAFT_ATTR_INTS && !gr_attr_check(op, i, &b->items[i], message, sizeof message)) {
      gr_error(m->context, GRAFT_TYPE, where, "%s", message);
      return GRAFT_NONE;
    }
    h = gr_mix(h + hash_attr(&b->items[i], !op));
  }
  if ((t->sets.len + 1) * 4u > t->slot_count * 3u && !rehash(m)) return GRAFT_NONE;
  uint32_t mask = t->slot_count - 1, i = (uint32_t)h & mask;
  for (; t->slots[i]; i = (i + 1) & mask)
    if (t->sets.data[t->slots[i] - 1].hash == (uint32_t)h && same_set(m, op, t->slots[i] - 1, b))
      return t->slots[i] - 1;
  gr_attr_set set = {.first = t->items.len, .count = b->count, .hash = (uint32_t)h};
  if (!gr_vec_reserve(m->context, &t->items, b->count) || !gr_vec_reserve(m->context, &t->sets, 1u)) return GRAFT_NONE;
  pools was = {.ints = (uintptr_t)t->ints.data,
               .ints_size = t->ints.len * sizeof(int64_t),
               .floats = (uintptr_t)t->floats.data,
               .floats_size = t->floats.len * sizeof(double)};
  for (uint32_t k = 0; k < b->count; k++)
    if (!store(m, op, k, &was, &b->items[k], &t->items.data[set.first + k])) return GRAFT_NONE;
  t->items.len += b->count;
  t->sets.data[t->sets.len++] = set;
  t->slots[i] = t->sets.len;
  return t->sets.len - 1;
}

uint32_t gr_attrs_defaults(graft_module *m, const gr_op_info *op, gr_loc where) {
  gr_attr_builder b;
  gr_attrs_begin(&b, op);
  return gr_attrs_intern(m, &b, op, where);
}

void gr_attrs_drop_graph(graft_module *m, uint32_t graph) {
  gr_attr_table *t = &m->attrs;
  for (uint32_t id = 0; id < t->sets.len; id++) {
    gr_attr_set *s = &t->sets.data[id];
    gr_attr *items = t->items.data + s->first;
    bool changed = false;
    for (uint32_t i = 0; i < s->count; i++) {
      if (items[i].kind != GRAFT_ATTR_GRAPH || items[i].as.i < graph) continue;
      if (items[i].as.i == graph) /* a set that nothing has any more */
        items[i] = (gr_attr){.name = items[i].name, .kind = GRAFT_ATTR_NONE};
      else
        items[i].as.i--;
      changed = true;
    }
    if (!changed) continue;
    uint64_t h = s->count; /* sets that name graphs are few; as gr_attrs_intern computes it */
    for (uint32_t i = 0; i < s->count; i++) {
      graft_attr a = gr_attr_public(m, NULL, id, i);
      h = gr_mix(h + hash_attr(&a, items[i].name != 0));
    }
    s->hash = (uint32_t)h;
  }
  if (!t->slot_count) return;
  memset(t->slots, 0, t->slot_count * sizeof *t->slots);
  place_all(t, t->slots, t->slot_count);
}

const gr_attr *gr_attrs_get(const graft_module *m, uint32_t set, uint32_t *count) {
  const gr_attr_set *s = &m->attrs.sets.data[set];
  *count = s->count;
  return m->attrs.items.data + s->first;
}

graft_attr gr_attr_public(const graft_module *m, const gr_op_info *op, uint32_t set, uint32_t slot) {
  const gr_attr *a = &m->attrs.items.data[m->attrs.sets.data[set].first + slot];
  graft_attr p = {.name = op ? op->attrs[slot].name : gr_string_text(m, a->name), .kind = (graft_attr_kind)a->kind};
  switch (p.kind) {
  case GRAFT_ATTR_NONE: break;
  case GRAFT_ATTR_BOOL: p.as.b = a->as.i != 0; break;
  case GRAFT_ATTR_INT: p.as.i = a->as.i; break;
  case GRAFT_ATTR_FLOAT: p.as.f = a->as.f; break;
  case GRAFT_ATTR_STRING:
    p.as.s = a->choice ? gr_choice_words(a->choice)[a->as.i] : gr_string_text(m, (uint32_t)a->as.i);
    break;
  case GRAFT_ATTR_DTYPE: p.as.dtype = (graft_dtype)a->as.i; break;
  case GRAFT_ATTR_GRAPH: p.as.graph = (uint32_t)a->as.i; break;
  case GRAFT_ATTR_INTS:
    p.count = a->as.list.count;
    p.as.ints = m->attrs.ints.data + a->as.list.offset;
    break;
  case GRAFT_ATTR_FLOATS:
    p.count = a->as.list.count;
    p.as.floats = m->attrs.floats.data + a->as.list.offset;
    break;
  }
  return p;
}
