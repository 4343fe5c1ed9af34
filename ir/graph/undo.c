/* Entries of what changes were before, and taking them back: newest first, so that each finds the module as it was just
 * after its change. */
#include "ir/graph/undo_int.h"

#include <stddef.h>
#include <string.h>

#include "ir/graph/graph_impl.h"

typedef enum kind {               /* the words of an entry, after which come graph and kind */
                    ITEM,         /* bytes…, index, array */
                    LENGTH,       /* old length, array */
                    ARRAY,        /* data (two words), length, capacity, array */
                    ADDED,        /* node */
                    LINKED,       /* use */
                    UNLINKED,     /* use, value, prev, next */
                    MOVED,        /* from, to, last use */
                    ORDERED,      /* node */
                    GRAPH_NAME,   /* old name */
                    UNORDERED,    /* node, prev, next */
                    NUMBER,       /* string, old number */
                    PUT,          /* key (two words), old value, map */
                    BUILT,        /* map */
                    TENSOR,       /* bytes…, tensor */
                    TENSOR_ADDED, /* */
                    GRAPH_ADDED,  /* */
                    GRAPH_REMOVED /* */
} kind;

_Static_assert(sizeof(gr_tensor) / 4 + 3 <= GR_UNDO_WORDS, "an entry fits");

/* An array of the graph as it is seen here: its header is copied in and out, since the item's type is not known. */
typedef struct any_array {
  void *data;
  uint32_t len, cap;
  uint32_t words; /* of an item */
  void *header;
} any_array;

#define HEADER offsetof(any_array, words)

static any_array array_of(graft_graph *g, uint32_t which) {
  any_array a = {0};
#define CASE(id, field) \
  case id: \
    a.words = sizeof *g->field.data / 4; \
    a.header = &g->field; \
    break
  switch ((gr_array_of)which) {
    CASE(GR_NODES, nodes);
    CASE(GR_USES, uses);
    CASE(GR_VALUES, values);
    CASE(GR_INPUTS, inputs);
    CASE(GR_OUTPUTS, outputs);
    CASE(GR_UPDATES, updates);
    CASE(GR_HANDLES, handles);
    CASE(GR_SPEC_OF_USE, spec_of_use);
    CASE(GR_SPEC_OF_VALUE, spec_of_value);
    CASE(GR_ORIGIN_OF_USE, origin_of_use);
    CASE(GR_ORIGIN_OF_VALUE, origin_of_value);
    CASE(GR_NODE_USERS, users);
  }
#undef CASE
  memcpy(&a, a.header, HEADER);
  return a;
}

static void set_array(any_array a, void *data, uint32_t len, uint32_t cap) {
  any_array now = {.data = data, .len = len, .cap = cap};
  memcpy(a.header, &now, HEADER);
}

/* ---- writing down ---- */

static inline void edited(graft_graph *g) {
  g->edits++;
  g->module->edits++;
}

static bool room(graft_module *m, uint64_t entries) {
  gr_undo *u = &m->undo;
  if (!u->open) return true;
  if (!u->lost && !gr_vec_reserve(m->context, &u->words, entries * GR_UNDO_WORDS)) u->lost = true;
  if (u->lost && !u->refused) gr_no_memory(m->context);
  return !u->lost;
}

bool gr_undo_room_for_names(graft_module *m) { return room(m, 1); }

bool gr_undo_make_room(graft_module *m, uint64_t entries) {
  gr_undo *u = &m->undo;
  if (gr_module_changeable(m)) return room(m, entries);
  if (!u->refused && !gr_only_looks(m->context, m, "the module cannot be changed"))
    gr_error(m->context, GRAFT_INVALID_ARGUMENT, gr_module_loc(m),
             "a session runs on the module: it cannot be changed");
  if (u->open) u->lost = u->refused = true;
  return false;
}

static inline void put(graft_module *m, const void *bytes, uint32_t words) {
  memcpy(m->undo.words.data + m->undo.words.len, bytes, words * sizeof(uint32_t));
  m->undo.words.len += words;
}

static void end(graft_module *m, const graft_graph *g, kind k) {
  uint32_t words[] = {g ? g->index : 0, k};
  put(m, words, 2);
}

#define ENTRY(m, g, kind, ...) \
  do { \
    if (!(m)->undo.open) return; \
    const uint32_t words_[] = {__VA_ARGS__}; \
    put((m), words_, sizeof words_ / sizeof *words_); \
    end((m), (g), (kind)); \
  } while (0)

/* Nodes and values change most: they are copied as what they are. */
void gr_undo_item(graft_graph *g, gr_array_of array, uint32_t index) {
  graft_module *m = g->module;
  if (array <= GR_UPDATES) edited(g);
  if (!m->undo.open) return;
  if (array == GR_NODES) {
    put(m, &g->nodes.data[index], sizeof *g->nodes.data / 4);
  } else if (array == GR_VALUES) {
    put(m, &g->values.data[index], sizeof *g->values.data / 4);
  } else {
    const any_array a = array_of(g, array);
    put(m, (const char *)a.data + (size_t)index * a.words * 4, a.words);
  }
  ENTRY(m, g, ITEM, index, array);
}

void gr_undo_length(graft_graph *g, gr_array_of array) {
  if (array >= GR_INPUTS && array <= GR_UPDATES) edited(g); /* more values may be handles, which look-ups make */
  ENTRY(g->module, g, LENGTH, array_of(g, array).len, array);
}

void gr_undo_array(graft_graph *g, gr_array_of array) {
  if (!g->module->undo.open) return;
  const any_array a = array_of(g, array);
  put(g->module, &a.data, sizeof a.data / 4);
  const uint32_t rest[] = {a.len, a.cap, array};
  put(g->module, rest, 3);
  end(g->module, g, ARRAY);
  g->module->undo.owners++;
  set_array(a, NULL, 0, 0);
}

void gr_undo_added(graft_graph *g, graft_node n) {
  edited(g);
  ENTRY(g->module, g, ADDED, n);
}
void gr_undo_linked(graft_graph *g, uint32_t use) {
  edited(g);
  ENTRY(g->module, g, LINKED, use);
}

void gr_undo_unlinking(graft_graph *g, uint32_t use) {
  const gr_use *u = gr_use_at(g, use);
  if (u->value == GRAFT_NONE) return;
  edited(g);
  ENTRY(g->module, g, UNLINKED, use, u->value, u->prev, u->next);
}

void gr_undo_moved(graft_graph *g, graft_value from, graft_value to, uint32_t last) {
  edited(g);
  ENTRY(g->module, g, MOVED, from, to, last);
}

void gr_undo_unordering(graft_graph *g, graft_node n) {
  edited(g);
  ENTRY(g->module, g, UNORDERED, n, gr_node_at(g, n)->prev, gr_node_at(g, n)->next);
}

void gr_undo_ordered(graft_graph *g, graft_node n) {
  edited(g);
  ENTRY(g->module, g, ORDERED, n);
}

void gr_undo_graph_name(graft_graph *g) { ENTRY(g->module, g, GRAPH_NAME, g->name); }

void gr_undo_number(graft_module *m, uint32_t string) {
  ENTRY(m, NULL, NUMBER, string, m->strings.items.data[string].next_number);
}

void gr_undo_tensor(graft_module *m, graft_tensor t) {
  if (!m->undo.open) return;
  gr_tensor *tensor = &m->tensors.data[t];
  gr_buffer_retain(tensor->buffer);
  m->undo.owners++;
  put(m, tensor, sizeof *tensor / 4);
  ENTRY(m, NULL, TENSOR, t);
}

void gr_undo_tensor_added(graft_module *m) {
  m->edits++;
  if (m->undo.open) end(m, NULL, TENSOR_ADDED);
}

void gr_undo_graph_added(graft_module *m) {
  m->edits++;
  if (m->undo.open) end(m, NULL, GRAPH_ADDED);
}

bool gr_undo_graph_removing(graft_module *m) {
  graft_graph *g = m->graphs.data[m->graphs.len - 1];
  if (!m->undo.open) {
    m->graphs.len--;
    gr_graph_free(m->context, g);
    return true;
  }
  if (!gr_undo_room(m, 1) || !gr_vec_push(m->context, &m->undo.removed, g)) return false;
  end(m, NULL, GRAPH_REMOVED);
  m->graphs.len--;
  return true;
}

void gr_undo_built(graft_module *m, graft_graph *g, gr_names_of which) { ENTRY(m, g, BUILT, which); }

gr_map *gr_map_of(graft_module *m, graft_graph *g, gr_names_of which) {
  switch (which) {
  case GR_NAMES_VALUES: return &g->names;
  case GR_NAMES_OUTPUTS: return &g->output_names;
  case GR_UPDATED: return &g->updated;
  case GR_NAMES_TENSORS: return &m->tensor_names;
  case GR_NAMES_GRAPHS: return &m->graph_names;
  case GR_CONSTANTS: break;
  }
  return &m->constants;
}

bool gr_undo_put(graft_module *m, graft_graph *g, gr_names_of which, uint64_t key, uint32_t value) {
  gr_map *map = gr_map_of(m, g, which);
  uint32_t old = m->undo.open ? gr_map_get(map, key) : GRAFT_NONE;
  if (old != GRAFT_NONE) { /* a new key may stay: it leads to what is not called so */
    if (!gr_undo_room(m, 1)) return false;
    put(m, &key, 2);
    const uint32_t rest[] = {old, which};
    put(m, rest, 2);
    end(m, g, PUT);
  }
  return gr_map_put(m->context, map, key, value);
}

/* ---- taking back ---- */

static const uint32_t *take(graft_module *m, uint32_t words) {
  m->undo.words.len -= words;
  return m->undo.words.data + m->undo.words.len;
}

static void *pointer(const uint32_t *words) {
  void *p;
  memcpy(&p, words, sizeof p);
  return p;
}

/* Specs are never said of uses and values past the end. */
static void trim_specs(graft_graph *g) {
  gr_referred_forget(g);
  if (g->spec_of_use.len > g->uses.len) g->spec_of_use.len = g->uses.len;
  if (g->spec_of_value.len > g->values.len) g->spec_of_value.len = g->values.len;
  if (g->origin_of_use.len > g->uses.len) g->origin_of_use.len = g->uses.len;
  if (g->origin_of_value.len > g->values.len) g->origin_of_value.len = g->values.len;
}

static void remove_added(graft_graph *g, graft_node n) {
  const gr_node *node = gr_node_at(g, n);
  for (uint32_t i = node->operand_count; i-- > 0;) gr_unlink_use(g, node->first_use + i);
  gr_unlink_node(g, n);
  g->uses.len = node->first_use;
  g->values.len = node->first_result;
  g->nodes.len = n;
  if (g->order.len) g->order.len = n;
  if (g->users.len > n) g->users.len = n;
  trim_specs(g);
}

static void move_back(graft_graph *g, graft_value from, graft_value to, uint32_t last) {
  uint32_t first = gr_value_at(g, to)->first_use, rest = gr_use_at(g, last)->next;
  for (uint32_t u = first; u != rest; u = gr_use_at(g, u)->next) gr_use_at(g, u)->value = from;
  gr_use_at(g, last)->next = GRAFT_NONE;
  gr_value_at(g, to)->first_use = rest;
  if (rest != GRAFT_NONE) gr_use_at(g, rest)->prev = GRAFT_NONE;
  gr_value_at(g, from)->first_use = first;
}

static void restore_array(graft_graph *g, const uint32_t *w) {
  const any_array a = array_of(g, w[4]);
  gr_free(g->module->context, a.data, (size_t)a.cap * a.words * 4);
  set_array(a, pointer(w), w[2], w[3]);
  gr_referred_forget(g);
  if (w[4] == GR_HANDLES) g->handles.taken = g->handles.len; /* not known: the next one finds a new table */
}

static void forget_names(graft_module *m, graft_graph *g, gr_names_of which) {
  gr_map_free(m->context, gr_map_of(m, g, which));
  if (which == GR_NAMES_VALUES && g) g->names_built = false;
  if (which == GR_NAMES_TENSORS) m->tensor_names_built = false;
}

/* Takes the last entry off; with `back`, the change too. */
static void pop(graft_module *m, bool back) {
  const uint32_t *w = take(m, 2);
  graft_graph *g = m->graphs.len ? m->graphs.data[w[0]] : NULL;
  const kind what = (kind)w[1];
  if (!g && what <= UNORDERED) return; /* never: a graph's entries are of a graph */
  switch (what) {
  case ITEM: {
    w = take(m, 2);
    const uint32_t index = w[0], which = w[1];
    const any_array a = array_of(g, which);
    const bool held = w[1] == GR_HANDLES || w[1] == GR_UPDATES;
    w = take(m, a.words);
    if (!back) return;
    memcpy((char *)a.data + (size_t)index * a.words * 4, w, a.words * sizeof *w);
    if (which == GR_SPEC_OF_USE || which == GR_SPEC_OF_VALUE) gr_referred_forget(g);
    if (back && held && w[a.words - 1] < GR_HANDLE_GONE) gr_holders_drop(m); /* it may have been listed meanwhile */
    return;
  }
  case LENGTH: {
    w = take(m, 2);
    const any_array a = array_of(g, w[1]);
    if (!back) return;
    set_array(a, a.data, w[0], a.cap);
    trim_specs(g);
    return;
  }
  case ARRAY:
    w = take(m, 5);
    m->undo.owners--;
    if (back)
      restore_array(g, w);
    else
      gr_free(m->context, pointer(w), (size_t)w[3] * array_of(g, w[4]).words * 4);
    return;
  case ADDED:
    w = take(m, 1);
    if (back) remove_added(g, w[0]);
    return;
  case LINKED:
    w = take(m, 1);
    if (back) gr_unlink_use(g, w[0]);
    return;
  case UNLINKED:
    w = take(m, 4);
    if (!back) return;
    gr_use_at(g, w[0])->value = w[1];
    gr_link_use(g, w[0], w[2], w[3]);
    return;
  case MOVED:
    w = take(m, 3);
    if (back) move_back(g, w[0], w[1], w[2]);
    return;
  case ORDERED:
    w = take(m, 1);
    if (back) gr_unlink_node(g, w[0]);
    return;
  case GRAPH_NAME:
    w = take(m, 1);
    if (back) g->name = w[0];
    return;
  case UNORDERED:
    w = take(m, 3);
    if (back) gr_link_node(g, w[0], w[1], w[2]);
    return;
  case NUMBER:
    w = take(m, 2);
    if (back) m->strings.items.data[w[0]].next_number = w[1];
    return;
  case PUT: {
    w = take(m, 4);
    uint64_t key;
    memcpy(&key, w, sizeof key);
    if (back) gr_map_put(m->context, gr_map_of(m, g, (gr_names_of)w[3]), key, w[2]); /* the key is there: no memory */
    return;
  }
  case BUILT:
    w = take(m, 1);
    if (back) forget_names(m, g, (gr_names_of)w[0]);
    return;
  case TENSOR: {
    w = take(m, 1);
    gr_tensor *t = &m->tensors.data[w[0]], old;
    memcpy(&old, take(m, sizeof old / 4), sizeof old);
    m->undo.owners--;
    gr_buffer_release(m->context, back ? t->buffer : old.buffer);
    if (back) *t = old;
    return;
  }
  case TENSOR_ADDED:
    if (back) gr_buffer_release(m->context, m->tensors.data[--m->tensors.len].buffer);
    return;
  case GRAPH_ADDED:
    if (back) gr_graph_free(m->context, m->graphs.data[--m->graphs.len]);
    return;
  case GRAPH_REMOVED: /* the place that it had is still there */
    if (back) m->graphs.data[m->graphs.len++] = m->undo.removed.data[--m->undo.removed.len];
    return;
  }
}

gr_edit gr_edit_begin(graft_module *m) {
  m->undo.open++;
  return (gr_edit){m->undo.words.len, m->undo.lost};
}

#define KEPT_WORDS (UINT32_C(1) << 20) /* that a module keeps when nothing is open */

graft_status gr_edit_end(graft_module *m, gr_edit edit, graft_status status) {
  gr_undo *u = &m->undo;
  if (u->refused)
    status = GRAFT_INVALID_ARGUMENT;
  else if (status == GRAFT_OK && u->lost)
    status = gr_no_memory(m->context);
  if (status != GRAFT_OK) {
    while (u->words.len > edit.at) pop(m, true);
    u->lost = edit.lost;
    if (!u->lost) u->refused = false;
  }
  if (--u->open == 0) {
    while (u->owners) pop(m, false);
    u->words.len = 0;
    while (u->removed.len) gr_graph_free(m->context, u->removed.data[--u->removed.len]);
    gr_vec_free(m->context, &u->removed);
    if (u->words.cap > KEPT_WORDS) gr_vec_free(m->context, &u->words);
  }
  return status;
}
