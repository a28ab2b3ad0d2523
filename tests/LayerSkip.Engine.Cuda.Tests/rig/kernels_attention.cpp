#include "attention.cu"
#include "kernel_table.h"

ADD_KERNEL(rope_append);
ADD_KERNEL(attention_split_d64);
ADD_KERNEL(attention_split_d128);
ADD_KERNEL(attention_split_d256);
ADD_KERNEL(attention_merge);
ADD_KERNEL(attention_tiles_d64);
ADD_KERNEL(attention_tiles_d128);
ADD_KERNEL(attention_tiles_d256);
