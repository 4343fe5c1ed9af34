/* The string pool and names made of a string and a number. */
#include "ir/ir_int.h"

#include <stdio.h>
#include <string.h>

static uint32_t hash_text(const char *text, size_t length) { return (uint32_t)gr_hash_bytes(text, length); }

#define PAGE (UINT32_C(1) << GR_PAGE_BITS)

static char *text_at(const gr_strings *s, uint32_t address) {
  return s->pages.data[address >> GR_PAGE_BITS].data + (address & (PAGE - 1));
}

/* Room for so many bytes in a row; blocks grow, up to a megabyte. False: no memory. */
static bool reserve_bytes(graft_context *c, gr_strings *s, uint64_t size) {
  if (size <= s->end - s->next) return true;
  uint64_t pages = (size + PAGE - 1) >> GR_PAGE_BITS, first = s->pages.len;
  const uint64_t usual = first < 64 ? first : 64;
  if (pages < usual) pages = usual;
  if (first + pages >= UINT32_MAX >> GR_PAGE_BITS) return gr_no_memory(c), false;
  char *block = gr_vec_reserve(c, &s->pages, pages) ? gr_alloc(c, (size_t)pages << GR_PAGE_BITS) : NULL;
  if (!block) return false;
  for (uint64_t i = 0; i < pages; i++)
    s->pages.data[s->pages.len++] =
        (gr_string_page){block + (i << GR_PAGE_BITS), (uint32_t)((pages - i) << GR_PAGE_BITS)};
  s->next = (uint32_t)(first << GR_PAGE_BITS);
  s->end = (uint32_t)((first + pages) << GR_PAGE_BITS);
  return true;
}

void gr_strings_free(graft_context *c, gr_strings *s) {
  for (uint32_t i = 0; i < s->pages.len; i += s->pages.data[i].room >> GR_PAGE_BITS)
    gr_free(c, s->pages.data[i].data, s->pages.data[i].room);
  gr_vec_free(c, &s->pages);
  gr_vec_free(c, &s->items);
  gr_free(c, s->slots, (size_t)s->slot_count * sizeof *s->slots);
}

static uint64_t *slot_of(const gr_strings *s, const char *text, size_t length, uint32_t hash) {
  uint32_t mask = s->slot_count - 1;
  for (uint32_t i = hash & mask;; i = (i + 1) & mask) {
    uint64_t slot = s->slots[i];
    if (slot == 0) return &s->slots[i];
    if (slot >> 32 != hash) continue;
    const gr_string *item = &s->items.data[(uint32_t)slot - 1];
    if (item->length == length && memcmp(text_at(s, item->address), text, length) == 0) return &s->slots[i];
  }
}

/* Room for `extra` more strings, at most two thirds full. */
static bool reserve_slots(graft_context *c, gr_strings *s, uint32_t extra) {
  uint64_t need = ((uint64_t)s->items.len + extra) * 3, wanted = s->slot_count ? s->slot_count : 64;
  while (wanted * 2 < need) wanted *= 2;
  if (wanted == s->slot_count) return true;
  if (wanted > UINT32_C(1) << 31) return gr_no_memory(c), false;
  uint32_t old_count = s->slot_count, count = (uint32_t)wanted;
  uint64_t *slots = gr_calloc(c, count, sizeof *slots);
  if (!slots) return false;
  for (uint32_t k = 0; k < old_count; k++) {
    if (!s->slots[k]) continue;
    uint32_t i = (uint32_t)(s->slots[k] >> 32) & (count - 1);
    while (slots[i]) i = (i + 1) & (count - 1);
    slots[i] = s->slots[k];
  }
  gr_free(c, s->slots, (size_t)old_count * sizeof *s->slots);
  s->slots = slots;
  s->slot_count = count;
  return true;
}

bool gr_intern_reserve(graft_module *m, uint32_t extra) { return reserve_slots(m->context, &m->strings, extra); }

uint32_t gr_intern(graft_module *m, const char *text, size_t length) {
  gr_strings *s = &m->strings;
  graft_context *c = m->context;
  if (!reserve_slots(c, s, 1)) return GRAFT_NONE;
  uint32_t hash = hash_text(text, length);
  uint64_t *slot = slot_of(s, text, length, hash);
  if (*slot) return (uint32_t)*slot - 1;
  if (!reserve_bytes(c, s, (uint64_t)length + 1)) return GRAFT_NONE;
  gr_string item = {.address = s->next, .length = (uint32_t)length};
  if (!gr_vec_push(c, &s->items, item)) return GRAFT_NONE;
  char *copy = text_at(s, item.address);
  if (length) memcpy(copy, text, length);
  copy[length] = '\0';
  s->next += (uint32_t)length + 1;
  *slot = (uint64_t)hash << 32 | s->items.len;
  return s->items.len - 1;
}

#define BATCH 64

/* The table's slots lie anywhere in memory: a batch of them is on its way while the batch is hashed. */
uint32_t gr_intern_pool(graft_module *m, const char *pool, uint32_t size, const uint32_t *lengths, uint32_t count) {
  gr_strings *s = &m->strings;
  graft_context *c = m->context;
  if (!reserve_slots(c, s, count) || !reserve_bytes(c, s, size) || !gr_vec_reserve(c, &s->items, count))
    return GRAFT_NONE;
  if (size == 0) return 0;
  uint32_t at = s->next, mask = s->slot_count - 1, hashes[BATCH];
  char *text = text_at(s, at);
  memcpy(text, pool, size);
  s->next += size;
  for (uint32_t first = 0; first < count; first += BATCH) {
    uint32_t n = count - first < BATCH ? count - first : BATCH;
    const char *next = text;
    for (uint32_t i = 0; i < n; next += lengths[first + i++] + 1) {
      hashes[i] = hash_text(next, lengths[first + i]);
      __builtin_prefetch(&s->slots[hashes[i] & mask], 1);
    }
    for (uint32_t i = 0; i < n; i++) {
      const uint32_t length = lengths[first + i];
      uint64_t *slot = slot_of(s, text, length, hashes[i]);
      if (*slot) return first + i;
      s->items.data[s->items.len++] = (gr_string){.address = at, .length = length};
      at += length + 1;
      text += length + 1;
      *slot = (uint64_t)hashes[i] << 32 | s->items.len;
    }
  }
  return count;
}

uint32_t gr_intern_find(const graft_module *m, const char *text, size_t length) {
  const gr_strings *s = &m->strings;
  uint64_t slot = s->slot_count ? *slot_of(s, text, length, hash_text(text, length)) : 0;
  return slot ? (uint32_t)slot - 1 : GRAFT_NONE;
}

const char *gr_string_text(const graft_module *m, uint32_t id) {
  return text_at(&m->strings, m->strings.items.data[id].address);
}

bool gr_string_sound(const graft_module *m, uint32_t id) {
  const gr_strings *s = &m->strings;
  if (id >= s->items.len || s->items.data[id].address >> GR_PAGE_BITS >= s->pages.len) return false;
  const gr_string *item = &s->items.data[id];
  const uint64_t end = (uint64_t)(item->address & (PAGE - 1)) + item->length;
  return end < s->pages.data[item->address >> GR_PAGE_BITS].room && text_at(s, item->address)[item->length] == '\0';
}

uint32_t gr_string_length(const graft_module *m, uint32_t id) { return m->strings.items.data[id].length; }

/* One to one: no leading zeros, at most nine digits. */
size_t gr_name_base(const char *text, size_t length, uint32_t *number) {
  size_t i = length;
  while (i > 0 && length - i <= 9 && text[i - 1] >= '0' && text[i - 1] <= '9') i--;
  size_t digits = length - i;
  *number = 0;
  if (digits == 0 || digits > 9 || i < 2 || text[i - 1] != '_' || text[i] == '0') return length;
  uint32_t n = 0;
  for (size_t k = i; k < length; k++) n = n * 10 + (uint32_t)(text[k] - '0');
  *number = n;
  return i - 1;
}

gr_name gr_name_split(graft_module *m, const char *text, size_t length) {
  uint32_t number;
  size_t base = gr_name_base(text, length, &number);
  return (gr_name){gr_intern(m, text, base), number};
}

gr_name gr_name_find(const graft_module *m, const char *text) {
  uint32_t number;
  size_t base = gr_name_base(text, strlen(text), &number);
  return (gr_name){gr_intern_find(m, text, base), number};
}

size_t gr_name_format(const graft_module *m, gr_name name, char *buffer, size_t size) {
  const char *base = gr_string_text(m, name.base);
  int n = name.number ? snprintf(buffer, size, "%s_%u", base, name.number) : snprintf(buffer, size, "%s", base);
  return n < 0 ? 0 : (size_t)n;
}

uint32_t gr_name_number(const char *text, size_t length) {
  uint32_t number;
  gr_name_base(text, length, &number);
  return number;
}

/* False: no memory, and nothing has changed. */
static bool set_next_number(graft_module *m, uint32_t string, uint32_t number) {
  if (!gr_undo_room(m, 1)) return false;
  gr_undo_number(m, string);
  m->strings.items.data[string].next_number = number;
  return true;
}

void gr_name_taken(graft_module *m, gr_name name) {
  if (name.number >= m->strings.items.data[name.base].next_number) set_next_number(m, name.base, name.number + 1);
}

gr_name gr_name_next(graft_module *m, uint32_t base) {
  gr_name name = {base, m->strings.items.data[base].next_number};
  if (name.number <= 999999999u) return set_next_number(m, base, name.number + 1) ? name : (gr_name){GRAFT_NONE, 0};
  /* A number of ten digits would not split back: begin again with a longer base. */
  char text[64];
  int n = snprintf(text, sizeof text, "%.40s_x", gr_string_text(m, base));
  uint32_t longer = gr_intern(m, text, (size_t)n);
  return longer == GRAFT_NONE ? (gr_name){GRAFT_NONE, 0} : gr_name_next(m, longer);
}

/* NAME.1, NAME.2 …: a string of their own for each, counted by the string "NAME.". */
gr_name gr_name_derived(graft_module *m, gr_name from) {
  char text[512];
  size_t length = gr_name_format(m, from, text, sizeof text - 12);
  if (length > sizeof text - 13) length = sizeof text - 13;
  /* NAME.1 begins a new count where NAME already ends in ".n". */
  size_t last = length;
  while (last > 0 && text[last - 1] >= '0' && text[last - 1] <= '9') last--;
  if (last < length && last > 1 && text[last - 1] == '.') length = last - 1;
  text[length] = '.';
  uint32_t counter = gr_intern(m, text, length + 1), base = GRAFT_NONE;
  if (counter == GRAFT_NONE) return (gr_name){GRAFT_NONE, 0};
  do {
    uint32_t i = m->strings.items.data[counter].next_number;
    int n = snprintf(text + length, sizeof text - length, ".%u", i ? i : 1);
    base = gr_intern(m, text, length + (size_t)n);
    if (base == GRAFT_NONE || !set_next_number(m, counter, i ? i + 1 : 2)) return (gr_name){GRAFT_NONE, 0};
  } while (m->strings.items.data[base].next_number != 0);
  return gr_name_unique(m, (gr_name){base, 0});
}

/* Numbers grow, so a name at or past its base's next number is free; below it, it may have been taken. */
gr_name gr_name_unique(graft_module *m, gr_name wanted) {
  if (wanted.base == GRAFT_NONE) return wanted;
  if (wanted.number < m->strings.items.data[wanted.base].next_number) return gr_name_next(m, wanted.base);
  return set_next_number(m, wanted.base, wanted.number + 1) ? wanted : (gr_name){GRAFT_NONE, 0};
}

const char *gr_name_label(graft_module *m, gr_name name) {
  char *label = m->caches->labels[m->caches->next_label++ % 4];
  gr_name_format(m, name, label, sizeof m->caches->labels[0]);
  return label;
}
