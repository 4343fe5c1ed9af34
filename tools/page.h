/* A comparison as one page of HTML: no network, no library; its table is there without scripts too. */
#ifndef GRAFT_TOOLS_PAGE_H
#define GRAFT_TOOLS_PAGE_H

#include "tools/compare.h"

/* The same bytes for the same comparison. False: said. */
bool page_write(const comparison *c, const char *path);

#endif
