#include "norm.cu"
#include "kernel_table.h"

ADD_KERNEL(normalize);
ADD_KERNEL(normed_states);
