# TransFuser6 alone.
model = dict(
    type="Fuser",
    data_preprocessor=dict(type="SegDataPreProcessor", size=(240, 320), pad_val=0, seg_pad_val=255),
)
