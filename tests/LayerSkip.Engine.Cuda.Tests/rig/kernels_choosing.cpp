#include "choosing.cu"
#include "kernel_table.h"

ADD_KERNEL(choose);
ADD_KERNEL(draft_next);
ADD_KERNEL(accept);
ADD_KERNEL(top_k);
