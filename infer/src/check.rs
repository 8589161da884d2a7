//! Loading an ONNX file reads what it names, so a file is walked before it is loaded: no data outside it, no sparse
//! tensors, no foreign operators, no absurd dimensions. The file is then loaded from the bytes that were walked.

use prost::Message;

/// Why a file is not loaded.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum CheckError {
    /// Not a protobuf, truncated, or nested too deeply.
    #[error("not a whole ONNX file: {0}")]
    Malformed(String),
    /// There is no graph.
    #[error("it has no graph")]
    NoGraph,
    /// A tensor lies in another file.
    #[error("tensor `{0}` lies outside the file")]
    External(String),
    /// Sparse tensors point into memory by index.
    #[error("it has a sparse tensor in `{0}`")]
    Sparse(String),
    /// An operator of a domain that ONNX Runtime does not ship.
    #[error("operator `{operator}` is of domain `{domain}`, only ONNX's own and `com.microsoft` are taken")]
    Domain {
        /// The operator.
        operator: String,
        /// Its domain.
        domain: String,
    },
    /// A tensor larger than any model here needs, or with a negative dimension.
    #[error("tensor `{name}` has dimensions {dims:?}, at most {MAX_ELEMENTS} elements are taken")]
    Size {
        /// The tensor.
        name: String,
        /// Its dimensions.
        dims: Vec<i64>,
    },
    /// Its tensors together are larger than any model here needs.
    #[error("its tensors have more than {MAX_TOTAL} elements together")]
    Total,
    /// The file is larger than protobuf allows.
    #[error("it has {0} bytes, at most {MAX_BYTES} are taken")]
    File(u64),
}

/// The most elements of one tensor: four times the largest layer of a large vision model.
pub const MAX_ELEMENTS: i64 = 1 << 28;

/// The most elements of all tensors of a file together: four GiB of floats.
pub const MAX_TOTAL: i64 = 1 << 30;

/// The most bytes of a file: protobuf's own limit, asked before the file is read.
pub const MAX_BYTES: u64 = (1 << 31) - 1;

const DOMAINS: [&str; 4] = ["", "ai.onnx", "ai.onnx.ml", "com.microsoft"];
const EXTERNAL: i32 = 1;

// The parts of onnx.proto (ONNX 1.17) that a walk needs; prost skips the rest.
#[derive(Clone, PartialEq, Message)]
struct ModelProto {
    #[prost(message, optional, tag = "7")]
    graph: Option<GraphProto>,
    #[prost(message, repeated, tag = "8")]
    opset_import: Vec<OperatorSetProto>,
    #[prost(message, repeated, tag = "20")]
    training_info: Vec<TrainingInfoProto>,
    #[prost(message, repeated, tag = "25")]
    functions: Vec<FunctionProto>,
}

#[derive(Clone, PartialEq, Message)]
struct OperatorSetProto {
    #[prost(string, tag = "1")]
    domain: String,
}

#[derive(Clone, PartialEq, Message)]
struct TrainingInfoProto {
    #[prost(message, optional, tag = "1")]
    initialization: Option<GraphProto>,
    #[prost(message, optional, tag = "2")]
    algorithm: Option<GraphProto>,
}

#[derive(Clone, PartialEq, Message)]
struct FunctionProto {
    #[prost(message, repeated, tag = "7")]
    node: Vec<NodeProto>,
    #[prost(message, repeated, tag = "9")]
    opset_import: Vec<OperatorSetProto>,
    #[prost(message, repeated, tag = "11")]
    attribute_proto: Vec<AttributeProto>,
    #[prost(message, repeated, tag = "12")]
    value_info: Vec<ValueInfoProto>,
}

#[derive(Clone, PartialEq, Message)]
struct GraphProto {
    #[prost(message, repeated, tag = "1")]
    node: Vec<NodeProto>,
    #[prost(message, repeated, tag = "5")]
    initializer: Vec<TensorProto>,
    #[prost(message, repeated, tag = "11")]
    input: Vec<ValueInfoProto>,
    #[prost(message, repeated, tag = "12")]
    output: Vec<ValueInfoProto>,
    #[prost(message, repeated, tag = "13")]
    value_info: Vec<ValueInfoProto>,
    #[prost(message, repeated, tag = "15")]
    sparse_initializer: Vec<Anything>,
}

#[derive(Clone, PartialEq, Message)]
struct ValueInfoProto {
    #[prost(string, tag = "1")]
    name: String,
    #[prost(message, optional, tag = "2")]
    r#type: Option<TypeProto>,
}

#[derive(Clone, PartialEq, Message)]
struct TypeProto {
    #[prost(message, optional, tag = "1")]
    tensor_type: Option<TensorTypeProto>,
    #[prost(message, optional, boxed, tag = "4")]
    sequence_type: Option<Box<ElementTypeProto>>,
    #[prost(message, optional, boxed, tag = "5")]
    map_type: Option<Box<MapTypeProto>>,
    #[prost(message, optional, tag = "8")]
    sparse_tensor_type: Option<Anything>,
    #[prost(message, optional, boxed, tag = "9")]
    optional_type: Option<Box<ElementTypeProto>>,
}

#[derive(Clone, PartialEq, Message)]
struct ElementTypeProto {
    #[prost(message, optional, boxed, tag = "1")]
    elem_type: Option<Box<TypeProto>>,
}

#[derive(Clone, PartialEq, Message)]
struct MapTypeProto {
    #[prost(message, optional, boxed, tag = "2")]
    value_type: Option<Box<TypeProto>>,
}

#[derive(Clone, PartialEq, Message)]
struct TensorTypeProto {
    #[prost(message, optional, tag = "2")]
    shape: Option<ShapeProto>,
}

#[derive(Clone, PartialEq, Message)]
struct ShapeProto {
    #[prost(message, repeated, tag = "1")]
    dim: Vec<DimensionProto>,
}

#[derive(Clone, PartialEq, Message)]
struct DimensionProto {
    #[prost(int64, tag = "1")]
    dim_value: i64,
}

#[derive(Clone, PartialEq, Message)]
struct NodeProto {
    #[prost(string, tag = "4")]
    op_type: String,
    #[prost(message, repeated, tag = "5")]
    attribute: Vec<AttributeProto>,
    #[prost(string, tag = "7")]
    domain: String,
}

#[derive(Clone, PartialEq, Message)]
struct AttributeProto {
    #[prost(string, tag = "1")]
    name: String,
    #[prost(message, optional, tag = "5")]
    t: Option<TensorProto>,
    #[prost(message, optional, tag = "6")]
    g: Option<GraphProto>,
    #[prost(message, repeated, tag = "10")]
    tensors: Vec<TensorProto>,
    #[prost(message, repeated, tag = "11")]
    graphs: Vec<GraphProto>,
    #[prost(message, optional, tag = "14")]
    tp: Option<TypeProto>,
    #[prost(message, repeated, tag = "15")]
    type_protos: Vec<TypeProto>,
    #[prost(message, optional, tag = "22")]
    sparse_tensor: Option<Anything>,
    #[prost(message, repeated, tag = "23")]
    sparse_tensors: Vec<Anything>,
}

#[derive(Clone, PartialEq, Message)]
struct TensorProto {
    #[prost(int64, repeated, tag = "1")]
    dims: Vec<i64>,
    #[prost(string, tag = "8")]
    name: String,
    #[prost(message, repeated, tag = "13")]
    external_data: Vec<Anything>,
    #[prost(int32, tag = "14")]
    data_location: i32,
}

#[derive(Clone, PartialEq, Message)]
struct Anything {}

/// Walks a file. What passes refers to nothing outside itself.
pub fn check(bytes: &[u8]) -> Result<(), CheckError> {
    let model = ModelProto::decode(bytes).map_err(|error| CheckError::Malformed(error.to_string()))?;
    let mut walk = Walk::default();
    imports(&model.opset_import)?;
    for function in &model.functions {
        imports(&function.opset_import)?;
        walk.values(&function.value_info)?;
        walk.attributes(&function.attribute_proto)?;
        walk.nodes(&function.node)?;
    }
    for training in &model.training_info {
        training.initialization.iter().chain(&training.algorithm).try_for_each(|graph| walk.graph(graph))?;
    }
    walk.graph(model.graph.as_ref().ok_or(CheckError::NoGraph)?)
}

/// What was seen so far.
#[derive(Default)]
struct Walk {
    /// Elements of all tensors.
    elements: i64,
}

impl Walk {
    fn graph(&mut self, graph: &GraphProto) -> Result<(), CheckError> {
        if !graph.sparse_initializer.is_empty() {
            return Err(CheckError::Sparse("initialisers".to_owned()));
        }
        for values in [&graph.input, &graph.output, &graph.value_info] {
            self.values(values)?;
        }
        graph.initializer.iter().try_for_each(|one| self.tensor(one))?;
        self.nodes(&graph.node)
    }

    fn nodes(&mut self, nodes: &[NodeProto]) -> Result<(), CheckError> {
        nodes.iter().try_for_each(|node| {
            domain(&node.op_type, &node.domain)?;
            self.attributes(&node.attribute)
        })
    }

    fn attributes(&mut self, attributes: &[AttributeProto]) -> Result<(), CheckError> {
        for attribute in attributes {
            if attribute.sparse_tensor.is_some() || !attribute.sparse_tensors.is_empty() {
                return Err(CheckError::Sparse(attribute.name.clone()));
            }
            attribute.t.iter().chain(&attribute.tensors).try_for_each(|one| self.tensor(one))?;
            attribute.g.iter().chain(&attribute.graphs).try_for_each(|one| self.graph(one))?;
            attribute
                .tp
                .iter()
                .chain(&attribute.type_protos)
                .try_for_each(|one| kind(&attribute.name, one))?;
        }
        Ok(())
    }

    fn values(&mut self, values: &[ValueInfoProto]) -> Result<(), CheckError> {
        values.iter().try_for_each(|value| value.r#type.iter().try_for_each(|one| kind(&value.name, one)))
    }

    fn tensor(&mut self, tensor: &TensorProto) -> Result<(), CheckError> {
        if tensor.data_location == EXTERNAL || !tensor.external_data.is_empty() {
            return Err(CheckError::External(tensor.name.clone()));
        }
        self.elements += elements(&tensor.name, &tensor.dims)?;
        if self.elements > MAX_TOTAL { Err(CheckError::Total) } else { Ok(()) }
    }
}

fn imports(sets: &[OperatorSetProto]) -> Result<(), CheckError> {
    sets.iter().try_for_each(|set| domain("opset import", &set.domain))
}

/// The type of a value: of inputs, of outputs and between.
fn kind(name: &str, found: &TypeProto) -> Result<(), CheckError> {
    if found.sparse_tensor_type.is_some() {
        return Err(CheckError::Sparse(name.to_owned()));
    }
    if let Some(shape) = found.tensor_type.as_ref().and_then(|tensor| tensor.shape.as_ref()) {
        // 0 or less is what exporters write for a length that is free.
        let dims: Vec<i64> = shape.dim.iter().map(|dim| dim.dim_value.max(1)).collect();
        elements(name, &dims)?;
    }
    let inner = [&found.sequence_type, &found.optional_type];
    let inner = inner.into_iter().flatten().filter_map(|one| one.elem_type.as_deref());
    let value = found.map_type.as_ref().and_then(|map| map.value_type.as_deref());
    inner.chain(value).try_for_each(|one| kind(name, one))
}

fn domain(operator: &str, domain: &str) -> Result<(), CheckError> {
    if DOMAINS.contains(&domain) {
        Ok(())
    } else {
        Err(CheckError::Domain { operator: operator.to_owned(), domain: domain.to_owned() })
    }
}

fn elements(name: &str, dims: &[i64]) -> Result<i64, CheckError> {
    let product = dims.iter().try_fold(1_i64, |product, dim| {
        if *dim < 0 { None } else { product.checked_mul(*dim).filter(|product| *product <= MAX_ELEMENTS) }
    });
    product.ok_or_else(|| CheckError::Size { name: name.to_owned(), dims: dims.to_vec() })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn hostile(change: impl Fn(&mut GraphProto)) -> Result<(), CheckError> {
        // Hidden in the branch of an `If` inside a function, where a careless walk does not look.
        let mut inner = GraphProto::default();
        change(&mut inner);
        let branch = AttributeProto { name: "then_branch".into(), g: Some(inner), ..Default::default() };
        let node = NodeProto { op_type: "If".into(), attribute: vec![branch], ..Default::default() };
        let function = FunctionProto { node: vec![node], ..Default::default() };
        let model = ModelProto {
            graph: Some(GraphProto::default()),
            functions: vec![function],
            ..Default::default()
        };
        check(&model.encode_to_vec())
    }

    fn constant(tensor: TensorProto) -> NodeProto {
        let value = AttributeProto { name: "value".into(), t: Some(tensor), ..Default::default() };
        NodeProto { op_type: "Constant".into(), attribute: vec![value], ..Default::default() }
    }

    #[test]
    fn harmless_graphs_pass() {
        assert_eq!(
            hostile(|graph| graph
                .node
                .push(constant(TensorProto { dims: vec![3, 4], ..Default::default() }))),
            Ok(())
        );
    }

    #[test]
    fn what_reaches_outside_is_refused() {
        let named = |name: &str| TensorProto { name: name.into(), ..Default::default() };
        let external = TensorProto { data_location: EXTERNAL, ..named("w") };
        assert_eq!(
            hostile(|graph| graph.initializer.push(external.clone())),
            Err(CheckError::External("w".into()))
        );
        let keyed = TensorProto { external_data: vec![Anything {}], ..named("k") };
        assert_eq!(
            hostile(|graph| graph.node.push(constant(keyed.clone()))),
            Err(CheckError::External("k".into()))
        );
        let sparse = hostile(|graph| graph.sparse_initializer.push(Anything {}));
        assert!(matches!(sparse, Err(CheckError::Sparse(_))));
        let foreign = NodeProto { op_type: "Shell".into(), domain: "evil".into(), ..Default::default() };
        assert!(matches!(hostile(|graph| graph.node.push(foreign.clone())), Err(CheckError::Domain { .. })));
    }

    #[test]
    fn absurd_dimensions_are_refused() {
        for dims in [vec![1 << 40], vec![1 << 20, 1 << 20], vec![i64::MAX, i64::MAX], vec![-1]] {
            let tensor = TensorProto { dims, ..Default::default() };
            assert!(matches!(
                hostile(|graph| graph.initializer.push(tensor.clone())),
                Err(CheckError::Size { .. })
            ));
        }
    }

    #[test]
    fn no_place_is_left_out() {
        let bad = TensorProto { name: "w".into(), data_location: EXTERNAL, ..Default::default() };
        let of =
            |tensor: &TensorProto| GraphProto { initializer: vec![tensor.clone()], ..Default::default() };
        let whole =
            |model: ModelProto| ModelProto { graph: Some(model.graph.clone().unwrap_or_default()), ..model };
        let refused = |model: ModelProto| check(&whole(model).encode_to_vec()).unwrap_err();

        let value = AttributeProto { name: "default".into(), t: Some(bad.clone()), ..Default::default() };
        let function = FunctionProto { attribute_proto: vec![value], ..Default::default() };
        let model = ModelProto { functions: vec![function], ..Default::default() };
        assert_eq!(refused(model), CheckError::External("w".into()), "an attribute's default");

        let foreign = OperatorSetProto { domain: "evil".into() };
        let function = FunctionProto { opset_import: vec![foreign], ..Default::default() };
        let model = ModelProto { functions: vec![function], ..Default::default() };
        assert!(matches!(refused(model), CheckError::Domain { .. }), "a function's imports");

        for algorithm in [false, true] {
            let (one, other) = if algorithm { (None, Some(of(&bad))) } else { (Some(of(&bad)), None) };
            let training = TrainingInfoProto { initialization: one, algorithm: other };
            let model = ModelProto { training_info: vec![training], ..Default::default() };
            assert_eq!(refused(model), CheckError::External("w".into()), "training");
        }

        let typed = |name: &str, found: TypeProto| ValueInfoProto { name: name.into(), r#type: Some(found) };
        let shape = ShapeProto { dim: vec![DimensionProto { dim_value: 1 << 20 }; 2] };
        let huge =
            TypeProto { tensor_type: Some(TensorTypeProto { shape: Some(shape) }), ..Default::default() };
        let inside = ElementTypeProto { elem_type: Some(Box::new(huge.clone())) };
        let list = TypeProto { sequence_type: Some(Box::new(inside)), ..Default::default() };
        let sparse = TypeProto { sparse_tensor_type: Some(Anything {}), ..Default::default() };
        for found in [huge, list, sparse] {
            let value = vec![typed("x", found)];
            let graphs = [
                GraphProto { input: value.clone(), ..Default::default() },
                GraphProto { output: value.clone(), ..Default::default() },
                GraphProto { value_info: value, ..Default::default() },
            ];
            for graph in graphs {
                let refused = refused(ModelProto { graph: Some(graph), ..Default::default() });
                assert!(matches!(refused, CheckError::Size { .. } | CheckError::Sparse(_)), "{refused:?}");
            }
        }
        let free = ShapeProto { dim: vec![DimensionProto { dim_value: -1 }] };
        let free =
            TypeProto { tensor_type: Some(TensorTypeProto { shape: Some(free) }), ..Default::default() };
        assert_eq!(hostile(|graph| graph.input.push(typed("x", free.clone()))), Ok(()));
    }

    #[test]
    fn many_tensors_together_are_refused() {
        let large = TensorProto { dims: vec![MAX_ELEMENTS], ..Default::default() };
        let with = |count| hostile(|graph| graph.initializer = vec![large.clone(); count]);
        assert_eq!(with(4), Ok(()));
        assert_eq!(with(5), Err(CheckError::Total));
    }

    #[test]
    fn endless_nesting_is_an_error() {
        let mut graph = GraphProto::default();
        for _ in 0..500 {
            let branch = AttributeProto { g: Some(graph), ..Default::default() };
            graph = GraphProto {
                node: vec![NodeProto { attribute: vec![branch], ..Default::default() }],
                ..Default::default()
            };
        }
        let model = ModelProto { graph: Some(graph), ..Default::default() };
        assert!(matches!(check(&model.encode_to_vec()), Err(CheckError::Malformed(_))));
    }

    proptest! {
        #[test]
        fn arbitrary_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..512)) {
            check(&bytes).ok();
        }
    }
}
