/* Arrays and attributes written as text, for tables of kernel cases: "f32[2, 1] 1 nan | _ | i64[] 3", "stride=1:2
 * groups=2". */
#ifndef GRAFT_TEST_ARRAY_TEXT_H
#define GRAFT_TEST_ARRAY_TEXT_H

#include "ir/ir_int.h"

#define MAX_ARRAYS 12

/* Bytes are the test's until text_free. The number of arrays. */
uint32_t text_arrays(const char *text, gr_array *out);
void text_free(gr_array *arrays, uint32_t count);
/* Interned attribute set of an op. */
uint32_t text_attrs(graft_module *m, uint32_t op, const char *text);
/* Element as double (i64 loses low bits). */
double text_element(const gr_array *a, int64_t i);
/* Same type, elements equal or within the relative tolerance; a message on stderr where not. */
bool text_same(const gr_array *got, const gr_array *want, double tolerance);

#endif
