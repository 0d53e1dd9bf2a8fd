//! The header of a topology table: which of the two formats it is, and what each column holds.

use super::error::{Place, TopologyError};

/// What a column holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Field {
    /// Name of the layer.
    Name,
    /// Height of the input.
    InputHeight,
    /// Width of the input.
    InputWidth,
    /// Height of the kernel.
    FilterHeight,
    /// Width of the kernel.
    FilterWidth,
    /// Input channels.
    Channels,
    /// Output channels.
    Filters,
    /// Both strides.
    Strides,
    /// Vertical stride.
    StrideHeight,
    /// Horizontal stride.
    StrideWidth,
    /// Rows of the left operand.
    M,
    /// Columns of the right operand.
    N,
    /// Length of a dot product.
    K,
    /// Nonzero weights out of so many, `N:M`.
    Sparsity,
    /// Samples of a convolution; independent products of a matrix product.
    Batch,
    /// The device that a layer is meant for.
    Target,
    /// A column without a name, as a trailing comma makes one.
    Unnamed,
}

/// First columns of a table of convolutions.
const CONV: [Field; 7] = [
    Field::Name,
    Field::InputHeight,
    Field::InputWidth,
    Field::FilterHeight,
    Field::FilterWidth,
    Field::Channels,
    Field::Filters,
];
/// First columns of a table of matrix products.
const GEMM: [Field; 4] = [Field::Name, Field::M, Field::N, Field::K];
/// Columns that may follow.
const OPTIONAL: [Field; 4] = [Field::Sparsity, Field::Batch, Field::Target, Field::Unnamed];

impl Field {
    /// Name as SCALE-Sim writes it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Name => "Layer name",
            Self::InputHeight => "IFMAP Height",
            Self::InputWidth => "IFMAP Width",
            Self::FilterHeight => "Filter Height",
            Self::FilterWidth => "Filter Width",
            Self::Channels => "Channels",
            Self::Filters => "Num Filter",
            Self::Strides => "Strides",
            Self::StrideHeight => "Stride Height",
            Self::StrideWidth => "Stride Width",
            Self::M => "M",
            Self::N => "N",
            Self::K => "K",
            Self::Sparsity => "Sparsity",
            Self::Batch => "Batch Size",
            Self::Target => "Target",
            Self::Unnamed => "without a name",
        }
    }

    /// The field that a header cell names; case, spaces and punctuation do not matter.
    fn from_header(cell: &str) -> Option<Self> {
        let letters: String =
            cell.chars().filter(char::is_ascii_alphanumeric).map(|letter| letter.to_ascii_lowercase()).collect();
        Some(match letters.as_str() {
            "layer" | "layername" | "name" => Self::Name,
            "ifmapheight" => Self::InputHeight,
            "ifmapwidth" => Self::InputWidth,
            "filterheight" => Self::FilterHeight,
            "filterwidth" => Self::FilterWidth,
            "channels" | "numchannels" => Self::Channels,
            "numfilter" | "numfilters" => Self::Filters,
            "strides" | "stride" => Self::Strides,
            "strideheight" => Self::StrideHeight,
            "stridewidth" => Self::StrideWidth,
            "m" => Self::M,
            "n" => Self::N,
            "k" => Self::K,
            "sparsity" | "sparsityratio" => Self::Sparsity,
            "batch" | "batchsize" => Self::Batch,
            "target" => Self::Target,
            "" if cell.is_empty() => Self::Unnamed,
            _ => return None,
        })
    }
}

/// The columns of a table.
pub struct Header {
    /// What each column holds.
    pub columns: Vec<Field>,
    /// Whether the rows are matrix products; otherwise they are convolutions.
    pub products: bool,
}

/// Most columns that a header may have: each row is checked against all of them.
const MOST_COLUMNS: usize = 64;

impl Header {
    /// Reads the header line.
    ///
    /// SCALE-Sim goes by position alone, so a name is wrong where another is meant, unless that other column has it too:
    /// SCALE-Sim's own DeepSpeech2 table has `IFMAP Width` twice.
    ///
    /// # Errors
    /// A column that belongs elsewhere, is missing, or is not known.
    pub fn parse(place: Place, cells: &[String]) -> Result<Self, TopologyError> {
        let fields: Vec<Option<Field>> = cells.iter().map(|cell| Field::from_header(cell)).collect();
        let field = |index: usize| fields.get(index).copied().flatten();
        let found = |index: usize| cells.get(index).map(String::as_str);
        let products = match field(1) {
            Some(Field::M | Field::N | Field::K) => true,
            Some(Field::InputHeight | Field::InputWidth) => false,
            _ => {
                let expected = "a header, whose second column is \"IFMAP Height\" (convolutions) or \"M\" (matrix products)";
                return Err(place.cell(1, "header", found(1), expected));
            }
        };
        let mut columns = if products { GEMM.to_vec() } else { CONV.to_vec() };
        for (index, &expected) in columns.iter().enumerate() {
            let own_place = field(index).and_then(|field| columns.iter().position(|&column| column == field));
            let twice = own_place.is_some_and(|own| field(own) == field(index));
            if !twice {
                let expected = format!("{:?}; SCALE-Sim reads columns by their position", expected.name());
                return Err(place.cell(index, "header", found(index), expected));
            }
        }
        if !products {
            match (field(7), field(8)) {
                (Some(Field::Strides), _) => columns.push(Field::Strides),
                (Some(Field::StrideHeight), Some(Field::StrideWidth)) => {
                    columns.extend([Field::StrideHeight, Field::StrideWidth])
                }
                (Some(Field::StrideHeight), _) => return Err(place.cell(8, "header", found(8), "\"Stride Width\"")),
                _ => return Err(place.cell(7, "header", found(7), "\"Strides\", or \"Stride Height\" and \"Stride Width\"")),
            }
        }
        if cells.len() > MOST_COLUMNS {
            return Err(place.cell(MOST_COLUMNS, "header", found(MOST_COLUMNS), format!("at most {MOST_COLUMNS} columns")));
        }
        for index in columns.len()..cells.len() {
            let known = field(index).filter(|field| OPTIONAL.contains(field));
            match known.filter(|&field| field == Field::Unnamed || !columns.contains(&field)) {
                Some(field) => columns.push(field),
                None => {
                    return Err(place.cell(
                        index,
                        "header",
                        found(index),
                        "\"Sparsity\", \"Batch Size\" or \"Target\", each once",
                    ));
                }
            }
        }
        Ok(Self { columns, products })
    }
}
